"""What audit hears: every context's records."""

import datetime as dt
from collections.abc import Sequence
from typing import cast

from kernel.audit import AuditRecorded
from kernel.handlers import Fact, handles
from mpac.audit.db import db
from mpac.audit.services.appending import append_event


@handles(AuditRecorded, db=db, consumer="audit.append", together=True)
def append(facts: Sequence[Fact], *, now: dt.datetime) -> None:
    """Append records of one tenant to its chain, in their order."""
    for fact in facts:
        append_event(cast("AuditRecorded", fact.event), event_id=fact.event_id, now=now)
