"""Forgetting what has expired: proofs, revocations, what is left of signing in, old commands, and what old lists held."""

import datetime as dt

from kernel.upkeep import SCOPE, forget
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.device_imports import ImportStatus
from mpac.portal.domain.device_lists import only_serial_numbers
from mpac.portal.models import DeviceImport

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
    # Of a list that nobody started nothing came.
    "device_imports": ("created_at < %s AND status = 'checked'", conf.KEEP_LISTS),
}
COMMANDS_AT_A_TIME = 1000
LEFT_EMPTY = (
    "expires_at < %s AND status <> 'expanding' AND NOT EXISTS ("
    "SELECT 1 FROM commands c WHERE c.psp_id = command_batches.psp_id AND c.batch_id = command_batches.id)"
)
LISTS_AT_A_TIME = 10

# The steps go with their commands, so that there is no moment at which a command has lost them.
FORGET_COMMANDS = """
    WITH old AS (
        SELECT id, psp_id FROM commands WHERE finished_at < %(before)s LIMIT %(batch)s FOR UPDATE SKIP LOCKED
    ), steps AS (
        DELETE FROM command_status_changes s USING old WHERE s.psp_id = old.psp_id AND s.command_id = old.id
    )
    DELETE FROM commands c USING old WHERE c.id = old.id RETURNING 1
"""


def forget_expired(*, now: dt.datetime) -> int:
    """Remove expired rows in small transactions, so that nothing waits for them; returns how many went."""
    return sum(
        forget(db, table, condition=condition, before=now - MARGIN - keep)
        for table, (condition, keep) in EXPIRED.items()
    )


def forget_commands(*, now: dt.datetime) -> int:
    """Remove commands that ended long ago, with their steps, and at the end the batches that have none left; returns how
    many commands it were.
    """
    removed, batch = 0, COMMANDS_AT_A_TIME
    while batch == COMMANDS_AT_A_TIME:
        values = {"before": now - conf.KEEP_COMMANDS, "batch": COMMANDS_AT_A_TIME}
        with atomic(SCOPE):
            batch = len(db.execute(FORGET_COMMANDS, values))
        removed += batch
    forget(db, "command_batches", condition=LEFT_EMPTY, before=now - conf.KEEP_COMMANDS)
    return removed


def trim_lists(*, now: dt.datetime) -> int:
    """Keep nothing but the serial numbers of lists of terminals that were done long ago; what became of each row can still
    be told. A few lists at a time, for they are long; returns how many it were.
    """
    trimmed = 0
    while True:
        with atomic(SCOPE):
            old = DeviceImport.objects.filter(
                status=ImportStatus.DONE, trimmed_at=None, finished_at__lt=now - conf.KEEP_LISTS
            )
            lists = list(old.order_by("finished_at").select_for_update(skip_locked=True)[:LISTS_AT_A_TIME])
            for each in lists:
                each.content = only_serial_numbers(each.content, in_store=each.store_id is not None)
                each.trimmed_at = now
                each.save(update_fields=["content", "trimmed_at"])
        trimmed += len(lists)
        if len(lists) < LISTS_AT_A_TIME:
            return trimmed
