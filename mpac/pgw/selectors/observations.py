"""What the gateway has measured about itself."""

from kernel.observations import Observation
from mpac.pgw.db import db

OPEN_OUTCOME = """
    SELECT coalesce(extract(epoch FROM %(now)s::timestamptz - min(status_at)), 0) FROM payment_attempts
    WHERE status IN ('sent', 'unknown')
"""


OPEN_BREAKERS = "SELECT count(*) FROM provider_breakers WHERE state = 'open'"


def list_observations() -> list[Observation]:
    """How long the oldest charge has had no known outcome, and how many accounts are left alone."""
    what = "Age of the oldest charge whose outcome is not known."
    return [
        Observation("mpac_open_outcome_seconds", what, db, OPEN_OUTCOME),
        Observation("mpac_open_breakers", "Accounts that their breakers leave alone.", db, OPEN_BREAKERS),
    ]
