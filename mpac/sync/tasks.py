"""Scheduled work of sync: a full comparison every quarter of an hour, which also repairs."""

import datetime as dt

from kernel.jobs import job
from mpac.sync.db import db
from mpac.sync.services import reconcile


@job("sync.reconcile", every_s=15 * 60, db=db)
def reconcile_mirror(*, now: dt.datetime) -> int:
    """Copy what drifted; returns how many merchants did."""
    return reconcile.repair_drift(now=now)
