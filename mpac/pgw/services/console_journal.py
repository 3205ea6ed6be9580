"""Who did what in the console: entered before it is done, and closed when it has ended."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from kernel.scrubbing import scrub
from kernel.tenancy import Scope, SystemScope, TenantScope
from mpac.pgw.db import atomic
from mpac.pgw.domain.console import EntryStatus
from mpac.pgw.models import ConsoleEntry

# Whole rule books are kept where they are published.
LONGEST_ANSWER = 1000
NOBODYS = SystemScope("console")


def begin_entry(
    *, actor: str, action: str, table: str, row: Any, place: Any, answers: Mapping[str, Any]
) -> tuple[Scope, uuid.UUID]:
    """Enter what is about to be done, at whose place; returns what `end_entry` is told."""
    psp_id, merchant_id = getattr(place, "psp_id", None), getattr(place, "merchant_id", None)
    scope: Scope = NOBODYS if psp_id is None else TenantScope(psp_id, merchant_id)
    entry = ConsoleEntry(
        psp_id=psp_id,
        merchant_id=merchant_id,
        actor=actor,
        action=action,
        subject_table=table,
        subject_id=str(row.pk) if row is not None else "",
        answers={name: scrub(str(value))[:LONGEST_ANSWER] for name, value in answers.items()},
    )
    with atomic(scope):
        entry.save(force_insert=True)
    return scope, entry.pk


def end_entry(*, entry: tuple[Scope, uuid.UUID], done: bool, said: str, now: dt.datetime) -> None:
    """Say how it ended."""
    scope, key = entry
    status = EntryStatus.DONE if done else EntryStatus.REFUSED
    with atomic(scope):
        asked = ConsoleEntry.objects.filter(pk=key, status=EntryStatus.ASKED)
        asked.update(status=status, said=scrub(said), finished_at=now)
