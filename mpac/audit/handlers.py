"""What audit hears: every context's records."""

import datetime as dt
import uuid

from kernel.audit import AuditRecorded
from kernel.handlers import handles
from mpac.audit.db import db
from mpac.audit.services.appending import append_event


@handles(AuditRecorded, db=db, consumer="audit.append", identified=True)
def append(event: AuditRecorded, *, event_id: uuid.UUID, now: dt.datetime) -> None:
    """Append a record to the chain of its tenant."""
    append_event(event, event_id=event_id, now=now)
