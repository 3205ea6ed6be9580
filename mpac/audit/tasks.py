"""What audit does on a schedule."""

import datetime as dt

from kernel.jobs import job
from mpac.audit.db import db
from mpac.audit.services.retention import set_aside_old_months


@job("audit.set_aside_old_months", every_s=24 * 3600, db=db)
def set_aside(*, now: dt.datetime) -> int:
    """Detach months that are old enough for the archive."""
    return len(set_aside_old_months(now=now))
