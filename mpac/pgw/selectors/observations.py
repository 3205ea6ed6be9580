"""What the gateway has measured about itself."""

from kernel.observations import Observation
from mpac.pgw.db import db

OPEN_OUTCOME = """
    SELECT coalesce(extract(epoch FROM %(now)s::timestamptz - min(status_at)), 0) FROM payment_attempts
    WHERE status IN ('sent', 'unknown')
"""


def list_observations() -> list[Observation]:
    """How long the oldest charge has had no known outcome."""
    what = "Age of the oldest charge whose outcome is not known."
    return [Observation("mpac_open_outcome_seconds", what, db, OPEN_OUTCOME)]
