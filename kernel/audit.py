"""The audit facility: who did what to which thing, written down in the transaction of the change itself.

Entrances say who acts (`kernel.origin`); services say what was done (`record`). A record is an event in the writer's
own outbox, so it is committed exactly when the change is; the audit context appends it to the tenant's chain. What is
secret never gets that far: a record shows that a secret changed, not what it was or is.
"""

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import structlog
from django.db import models

from kernel.clock import rfc3339
from kernel.db import ContextDb
from kernel.events import Event
from kernel.origin import origin
from kernel.outbox import publish
from kernel.schema import rules_of
from kernel.scrubbing import REDACTED, SECRET_COLUMN, is_sensitive_name, scrub, scrub_text

LONGEST_TEXT = 500
# Columns that change with every write and say nothing.
HOUSEKEEPING = frozenset({"updated_at"})
WORDS = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, kw_only=True)
class AuditRecorded(Event):
    """Somebody changed something, or tried to enter. Secrets are masked before it is written."""

    type: ClassVar[str] = "audit.recorded"
    context: str
    action: str
    object_type: str
    object_id: str
    actor_kind: str
    actor_id: str
    acting_as: str
    livemode: bool | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str
    request_id: str
    address: str
    user_agent: str
    occurred_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a record is about, and whose it is; without a PSP it belongs to the platform's own chain."""

    type: str
    id: str
    psp_id: int | None = None
    merchant_id: int | None = None
    store_id: int | None = None
    livemode: bool | None = None


def state(row: models.Model) -> dict[str, Any]:
    """The columns of a row as they are now: what `record` takes as the state before a change."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def subject_of(row: models.Model) -> Subject:
    """A row as the subject of a record: `device`, `dev_…` and the tenant columns it has."""
    return Subject(
        type=WORDS.sub("_", type(row).__name__).lower(),
        id=str(getattr(row, "public_id", row.pk)),
        psp_id=getattr(row, "psp_id", None),
        merchant_id=getattr(row, "merchant_id", None),
        store_id=getattr(row, "store_id", None),
        livemode=getattr(row, "livemode", None),
    )


def record(
    db: ContextDb,
    action: str,
    of: models.Model | Subject,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    now: dt.datetime,
) -> uuid.UUID:
    """Write down what was done, inside the open transaction that does it; returns the record's id.

    Of a row, its present state is the `after` unless another is given. With both states only what differs is kept.
    """
    subject, hidden = _subject(of)
    if isinstance(of, models.Model) and after is None:
        after = state(of)
    if before is not None and after is not None:
        before, after = _differing(before, after), _differing(after, before)
    by = origin()
    event = AuditRecorded(
        aggregate_id=f"audit:{subject.type}:{subject.id}",
        psp_id=subject.psp_id,
        merchant_id=subject.merchant_id,
        store_id=subject.store_id,
        context=db.name,
        action=action,
        object_type=subject.type,
        object_id=subject.id,
        actor_kind=by.kind,
        actor_id=by.id,
        acting_as=by.acting_as,
        livemode=subject.livemode,
        before=_masked(before, hidden),
        after=_masked(after, hidden),
        reason=_clean(reason),
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        address=by.address,
        user_agent=_clean(by.user_agent),
        occurred_at=now,
    )
    return publish(db, event, now=now)


def record_removal(db: ContextDb, action: str, row: models.Model, *, now: dt.datetime) -> uuid.UUID:
    """Like `record`, of a row that is about to be deleted: there is a before and no after."""
    subject, hidden = _subject(row)
    return record(db, action, subject, before=_hide(state(row), hidden), now=now)


def _subject(of: models.Model | Subject) -> tuple[Subject, frozenset[str]]:
    """The subject, and the names of its sealed columns."""
    if isinstance(of, Subject):
        return of, frozenset()
    rules = rules_of(type(of))
    return subject_of(of), frozenset(rules.sealed if rules else ())


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in one.items()
        if name not in HOUSEKEEPING and (name not in other or other[name] != value)
    }


def _masked(values: Mapping[str, Any] | None, hidden: frozenset[str]) -> dict[str, Any] | None:
    if values is None:
        return None
    return {name: _plain(value) for name, value in _hide(values, hidden).items()}


def _hide(values: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    """Secrets become a mark; that there is none (or none yet) is shown."""
    return {
        name: REDACTED if value and (name in hidden or _is_secret(name)) else value
        for name, value in values.items()
    }


def _is_secret(name: str) -> bool:
    return bool(SECRET_COLUMN.search(name)) or is_sensitive_name(name)


def _plain(value: Any) -> Any:
    """A value as JSON holds it, scrubbed of what looks like a secret or a card number."""
    if isinstance(value, dt.datetime):
        return rfc3339(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    return scrub(value)


def _clean(text: str) -> str:
    return scrub_text(text)[:LONGEST_TEXT].replace("\x00", "")
