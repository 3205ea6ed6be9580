"""Forgetting what has expired: proofs, revocations, and what is left of signing in."""

import datetime as dt

from kernel.upkeep import forget
from mpac.portal.db import db

# A machine whose clock runs behind ours may still see an assertion as valid for this long.
MARGIN = dt.timedelta(seconds=60)

# In this order: what refers to others goes before them. Sessions that ended stay a while, for whoever looks into them.
EXPIRED = {
    "client_assertions": ("expires_at < %s", dt.timedelta(0)),
    "revocations": ("expires_at < %s", dt.timedelta(0)),
    "refresh_tokens": ("expires_at < %s", dt.timedelta(0)),
    "login_challenges": ("expires_at < %s", dt.timedelta(0)),
    "sessions": (
        "expires_at < %s AND NOT EXISTS (SELECT 1 FROM refresh_tokens r WHERE r.session_id = sessions.id)",
        dt.timedelta(days=30),
    ),
    # Whoever is just signing in may still name one that has expired.
    "known_devices": (
        "expires_at < %s AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.known_device_id = known_devices.id)",
        dt.timedelta(hours=1),
    ),
    "password_resets": ("expires_at < %s", dt.timedelta(days=30)),
    "login_throttles": ("last_try_at < %s", dt.timedelta(days=2)),
    "mails": ("created_at < %s", dt.timedelta(days=30)),
}


def forget_expired(*, now: dt.datetime) -> int:
    """Remove expired rows in small transactions, so that nothing waits for them; returns how many went."""
    return sum(
        forget(db, table, condition=condition, before=now - MARGIN - keep)
        for table, (condition, keep) in EXPIRED.items()
    )
