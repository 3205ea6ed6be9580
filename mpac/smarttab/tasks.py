"""Smarttab's scheduled work."""

import datetime as dt

from kernel.jobs import job
from mpac.smarttab import conf
from mpac.smarttab.db import db
from mpac.smarttab.services import device_log, gateway_payments


@job("smarttab.resume_payments", every_s=5, db=db)
def resume_payments(*, now: dt.datetime) -> int:
    """Take up payments that a crash or an outage interrupted."""
    older_than = now - dt.timedelta(seconds=conf.RESUME_PAYMENTS_AFTER_S)
    return gateway_payments.resume_payments(older_than=older_than, now=now)


@job("smarttab.trim_device_logs", every_s=3600, db=db)
def trim_device_logs(*, now: dt.datetime) -> int:
    """Drop device events beyond their retention and raise the floors."""
    before = now - dt.timedelta(days=conf.EVENT_RETENTION_DAYS)
    return device_log.trim_device_events(before=before, now=now)
