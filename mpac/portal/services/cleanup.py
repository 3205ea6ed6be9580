"""Forgetting what has expired: used assertions and revocations."""

import datetime as dt

from kernel.tenancy import SystemScope
from mpac.portal.db import atomic, db

SCOPE = SystemScope("upkeep")
BATCH = 5_000
# A machine whose clock runs behind ours may still see an assertion as valid for this long.
MARGIN = dt.timedelta(seconds=60)

FORGET = """
    DELETE FROM {table} WHERE id IN
        (SELECT id FROM {table} WHERE expires_at < %s ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING 1
"""


def forget_expired(*, now: dt.datetime) -> int:
    """Remove expired rows in small transactions, so that nothing waits for them; returns how many went."""
    return sum(_forget(table, now=now) for table in ("client_assertions", "revocations"))


def _forget(table: str, *, now: dt.datetime) -> int:
    removed = 0
    while True:
        with atomic(SCOPE):
            batch = len(db.execute(FORGET.format(table=table), [now - MARGIN, BATCH]))
        removed += batch
        if batch < BATCH:
            return removed
