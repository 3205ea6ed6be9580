"""What portal does on a schedule."""

import datetime as dt

from kernel.jobs import job
from mpac.portal.db import db
from mpac.portal.services.cleanup import forget_commands, forget_expired, trim_lists
from mpac.portal.services.commands import expire_commands
from mpac.portal.services.device_imports import run_imports
from mpac.portal.services.heartbeats import find_silent_devices
from mpac.portal.services.rollouts import advance_rollouts
from mpac.portal.services.signing_keys import advance_rotation


@job("portal.advance_key_rotation", every_s=30, db=db)
def advance_key_rotation(*, now: dt.datetime) -> int:
    """Take the steps of a key rotation that have fallen due."""
    rotation = advance_rotation(now=now)
    return len(rotation.retired) + (1 if rotation.activated else 0)


@job("portal.forget_expired", every_s=60, db=db)
def forget_expired_proofs(*, now: dt.datetime) -> int:
    """Forget used assertions and revocations that can meet no valid token any more."""
    return forget_expired(now=now)


@job("portal.forget_commands", every_s=3600, db=db, at_once=1)
def forget_old_commands(*, now: dt.datetime) -> int:
    """Forget commands that ended long ago."""
    return forget_commands(now=now)


@job("portal.trim_lists", every_s=3600, db=db, at_once=1)
def trim_old_lists(*, now: dt.datetime) -> int:
    """Forget what lists of terminals held beside serial numbers, when they were done long ago."""
    return trim_lists(now=now)


@job("portal.find_silent_devices", every_s=60, db=db, at_once=1)
def report_silent_devices(*, now: dt.datetime) -> int:
    """Tell of active terminals that have not been heard of for too long."""
    return find_silent_devices(now=now)


@job("portal.import_devices", every_s=5, db=db, at_once=1)
def import_devices(*, now: dt.datetime) -> int:
    """Register the terminals of lists that were started."""
    return run_imports(now=now)


@job("portal.expire_commands", every_s=30, db=db, at_once=1)
def expire_overdue_commands(*, now: dt.datetime) -> int:
    """End commands that no terminal has done in time."""
    return expire_commands(now=now)


@job("portal.advance_rollouts", every_s=15, db=db, at_once=1)
def lead_rollouts_on(*, now: dt.datetime) -> int:
    """Halt rollouts that do harm, begin the waves that are due, and tell terminals of theirs."""
    return advance_rollouts(now=now)
