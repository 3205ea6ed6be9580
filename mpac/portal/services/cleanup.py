"""Forgetting what has expired: used assertions and revocations."""

import datetime as dt

from kernel.upkeep import forget
from mpac.portal.db import db

# A machine whose clock runs behind ours may still see an assertion as valid for this long.
MARGIN = dt.timedelta(seconds=60)


def forget_expired(*, now: dt.datetime) -> int:
    """Remove expired rows in small transactions, so that nothing waits for them; returns how many went."""
    return sum(
        forget(db, table, condition="expires_at < %s", before=now - MARGIN)
        for table in ("client_assertions", "revocations")
    )
