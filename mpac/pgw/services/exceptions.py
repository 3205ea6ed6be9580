"""What does not agree: opened by a comparison, settled by its missing half or by two people, and never by itself.

One person proposes what it is and why; another one, and only another one, agrees or sends it back. The database holds
the same rule, and every step stays in the history.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from kernel.ids import created_at_of, uuid7
from kernel.scrubbing import scrub_text
from kernel.tenancy import Scope
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.reconciliation import (
    EXCEPTION_TRANSITIONS,
    EXCEPTIONS,
    PROPOSALS,
    ExceptionStatus,
    Outcome,
    Resolution,
)
from mpac.pgw.errors import IllegalExceptionTransition, NoteNeeded, SecondPersonNeeded
from mpac.pgw.models import ExceptionEvent, ReconciliationException, StatementFile, StatementLine
from mpac.pgw.selectors.reconciliation import lock_exception
from mpac.pgw.services.statement_sql import FOUND

COMPARISON = "comparison"


def open_exceptions(file: StatementFile, ids: Sequence[uuid.UUID]) -> None:
    """An exception for each of these lines that does not agree. Runs in the transaction of the comparison."""
    lines = StatementLine.objects.filter(
        created_at=file.created_at, pk__in=ids, outcome__in=sorted(EXCEPTIONS)
    )
    known = {
        each.line_id: each
        for each in ReconciliationException.objects.filter(line_id__in=[line.pk for line in lines])
    }
    fresh = [
        _exception(
            file,
            outcome=line.outcome,
            reference=line.reference,
            line_id=line.pk,
            line_number=line.number,
            attempt_id=line.attempt_id,
            refund_id=line.refund_id,
            currency=line.currency,
            told_minor=line.amount_minor,
            known_minor=line.known_minor,
        )
        for line in lines
        if line.pk not in known
    ]
    _open(fresh)
    for line in lines:
        exception = known.get(line.pk)
        if exception is not None and exception.outcome != line.outcome:
            _learn(exception, line)


def open_untold(file: StatementFile, rows: Iterable[tuple[Any, ...]]) -> list[ReconciliationException]:
    """An exception for each movement of ours that no statement tells; returns those that are new."""
    fresh = [
        _exception(
            file,
            outcome=Outcome.MISSING_IN_PROVIDER,
            reference=reference,
            movement_id=movement_id,
            attempt_id=attempt_id,
            refund_id=refund_id,
            currency=currency,
            known_minor=known_minor,
        )
        for movement_id, _, _, reference, attempt_id, refund_id, known_minor, currency in rows
    ]
    known = set(
        ReconciliationException.objects.filter(
            movement_id__in=[each.movement_id for each in fresh]
        ).values_list("movement_id", flat=True)
    )
    fresh = [each for each in fresh if each.movement_id not in known]
    _open(fresh)
    return fresh


def settle_found(file: StatementFile, ids: Sequence[uuid.UUID], *, now: dt.datetime) -> None:
    """Exceptions whose missing half is there: the line agrees now, or one of these lines tells the movement."""
    found = db.execute(FOUND, {"created_at": file.created_at, "ids": list(ids)})
    for (exception_id,) in found:
        exception = lock_exception(exception_id)
        note = f"found by {file.file_name}"
        _step(
            exception,
            ExceptionStatus.RESOLVED,
            actor=COMPARISON,
            note=note,
            resolution=Resolution.FOUND,
            resolved_by=COMPARISON,
            resolved_at=now,
        )


def propose_resolution(
    *,
    scope: Scope,
    exception_id: uuid.UUID,
    resolution: Resolution,
    note: str,
    person: str,
    now: dt.datetime,
) -> ReconciliationException:
    """Say what it is, and why. Raises NotFound, IllegalExceptionTransition and NoteNeeded."""
    note = scrub_text(note.strip())
    if not note or resolution not in PROPOSALS:
        raise NoteNeeded
    with atomic(scope):
        exception = lock_exception(exception_id)
        _step(
            exception,
            ExceptionStatus.PROPOSED,
            actor=person,
            note=note,
            resolution=resolution,
            proposed_by=person,
            proposed_at=now,
        )
    return exception


def approve_resolution(
    *, scope: Scope, exception_id: uuid.UUID, person: str, now: dt.datetime
) -> ReconciliationException:
    """Agree, as a second person. Raises NotFound, IllegalExceptionTransition and SecondPersonNeeded."""
    with atomic(scope):
        exception = _proposed(exception_id, person)
        _step(
            exception,
            ExceptionStatus.RESOLVED,
            actor=person,
            note=exception.note,
            resolved_by=person,
            resolved_at=now,
        )
    return exception


def refuse_resolution(
    *, scope: Scope, exception_id: uuid.UUID, note: str, person: str
) -> ReconciliationException:
    """Send a proposal back, as a second person. Raises NotFound, IllegalExceptionTransition, SecondPersonNeeded, NoteNeeded."""
    note = scrub_text(note.strip())
    if not note:
        raise NoteNeeded
    with atomic(scope):
        exception = _proposed(exception_id, person)
        _step(
            exception,
            ExceptionStatus.OPEN,
            actor=person,
            note=note,
            resolution=None,
            proposed_by=None,
            proposed_at=None,
        )
    return exception


def _proposed(exception_id: uuid.UUID, person: str) -> ReconciliationException:
    exception = lock_exception(exception_id)
    if exception.status != ExceptionStatus.PROPOSED:
        raise _illegal(exception)
    if exception.proposed_by == person:
        raise SecondPersonNeeded
    return exception


def _exception(file: StatementFile, **facts: Any) -> ReconciliationException:
    exception_id = uuid7()
    return ReconciliationException(
        id=exception_id,
        created_at=created_at_of(exception_id),
        psp_id=file.psp_id,
        merchant_id=file.merchant_id,
        file=file,
        status=ExceptionStatus.OPEN,
        provider=file.provider,
        **facts,
    )


def _open(exceptions: Sequence[ReconciliationException]) -> None:
    ReconciliationException.objects.bulk_create(exceptions, batch_size=1000)
    events = [_event(each, None, actor=COMPARISON, note=each.outcome) for each in exceptions]
    ExceptionEvent.objects.bulk_create(events, batch_size=1000)


def _learn(exception: ReconciliationException, line: StatementLine) -> None:
    """The same line does not agree in another way now."""
    outcome = Outcome(str(line.outcome))
    exception.outcome, exception.known_minor = outcome, line.known_minor
    exception.attempt_id, exception.refund_id = line.attempt_id, line.refund_id
    exception.version += 1
    exception.save(update_fields=["outcome", "known_minor", "attempt_id", "refund_id", "version"])
    _event(exception, exception.status, actor=COMPARISON, note=outcome).save(force_insert=True)


def _step(
    exception: ReconciliationException, target: ExceptionStatus, *, actor: str, note: str, **changes: Any
) -> None:
    """One step of a locked exception, with its history. Raises IllegalExceptionTransition."""
    source = ExceptionStatus(exception.status)
    if target not in EXCEPTION_TRANSITIONS[source]:
        raise _illegal(exception)
    changes |= {"status": target, "version": exception.version + 1, "note": note}
    for name, value in changes.items():
        setattr(exception, name, value)
    exception.save(update_fields=list(changes))
    _event(exception, source, actor=actor, note=note).save(force_insert=True)


def _event(
    exception: ReconciliationException, source: str | None, *, actor: str, note: str
) -> ExceptionEvent:
    event_id = uuid7()
    return ExceptionEvent(
        id=event_id,
        created_at=created_at_of(event_id),
        psp_id=exception.psp_id,
        merchant_id=exception.merchant_id,
        exception_id=exception.pk,
        sequence=exception.version,
        from_status=source,
        to_status=exception.status,
        resolution=exception.resolution,
        actor=actor,
        note=note,
    )


def _illegal(exception: ReconciliationException) -> IllegalExceptionTransition:
    following = EXCEPTION_TRANSITIONS[ExceptionStatus(exception.status)]
    return IllegalExceptionTransition(allowed=sorted(following))
