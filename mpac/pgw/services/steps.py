"""How a state changes: one guarded UPDATE and one history row, in the caller's transaction. Nothing else writes a status."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from kernel import metrics
from mpac.pgw.db import on_commit
from mpac.pgw.domain import attempts, captures, intents, refunds
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.domain.captures import CaptureStatus
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.late_payments import LatePaymentStatus
from mpac.pgw.domain.probing import next_probe_at
from mpac.pgw.domain.refunds import RefundStatus
from mpac.pgw.errors import IllegalIntentTransition, IllegalRefundTransition, LatePaymentDecided
from mpac.pgw.models import Capture, IntentEvent, LatePayment, PaymentAttempt, PaymentIntent, Refund


def move_intent(
    intent: PaymentIntent,
    target: IntentStatus,
    *,
    actor: str,
    now: dt.datetime,
    reason: str = "",
    **changes: Any,
) -> None:
    """One step of an intent. Raises IllegalIntentTransition when the table, or meanwhile the row, has no such edge."""
    source = IntentStatus(intent.status)
    if not intents.allows(source, target):
        raise illegal(intent)
    changes = {
        "next_action": None,
        **changes,
        "status": target,
        "version": intent.version + 1,
        "updated_at": now,
    }
    guarded = PaymentIntent.objects.filter(pk=intent.pk, status=source, version=intent.version)
    if not guarded.update(**changes):
        raise illegal(intent)
    _assign(intent, changes)
    record(intent, history=[(None, source, target, intent.version, reason)], actor=actor)


def walk_intent(
    intent: PaymentIntent, target: IntentStatus, *, actor: str, now: dt.datetime, **changes: Any
) -> None:
    """The shortest legal walk to `target`; `changes` go with its last step. Raises IllegalIntentTransition."""
    path = intents.route(IntentStatus(intent.status), target)
    if not path:
        raise illegal(intent)
    for status in path[:-1]:
        move_intent(intent, status, actor=actor, now=now, reason="on the way to what is known")
    move_intent(intent, target, actor=actor, now=now, **changes)


def move_attempt(
    attempt: PaymentAttempt,
    target: AttemptStatus,
    *,
    actor: str,
    now: dt.datetime,
    reason: str = "",
    **changes: Any,
) -> None:
    """One step of an attempt, with the next instant to ask about it. Raises IllegalIntentTransition.

    Once its call has an answer it needs its token no more.
    """
    source = AttemptStatus(attempt.status)
    if not attempts.allows(source, target):
        raise illegal(attempt.intent)
    changes = {
        **changes,
        "status": target,
        "status_at": now,
        "version": attempt.version + 1,
        "probes": 0,
        "next_probe_at": next_probe_at(status=target, probes=0, opened_at=now, now=now),
    }
    if target not in attempts.UNANSWERED:
        changes["payment_token_sealed"] = None
    guarded = PaymentAttempt.objects.filter(pk=attempt.pk, status=source, version=attempt.version)
    if not guarded.update(**changes):
        raise illegal(attempt.intent)
    _assign(attempt, changes)
    record(attempt.intent, history=[(attempt.pk, source, target, attempt.version, reason)], actor=actor)
    on_commit(metrics.payment_attempts.labels(attempt.provider, attempt.intent.method or "", target).inc)


def move_refund(
    refund: Refund, target: RefundStatus, *, actor: str, now: dt.datetime, reason: str = "", **changes: Any
) -> None:
    """One step of a refund that decides about it. Raises IllegalRefundTransition."""
    source = RefundStatus(refund.status)
    changes = _last_step(refund.version, target, now=now) | changes
    guarded = Refund.objects.filter(pk=refund.pk, status=source, version=refund.version)
    if not refunds.allows(source, target) or not guarded.update(**changes):
        raise illegal_refund(refund)
    _assign(refund, changes)
    history = [(None, source, target, refund.version, reason)]
    record(refund.intent, history=history, actor=actor, refund_id=refund.pk)
    on_commit(metrics.refunds.labels(refund.provider, target).inc)


def move_capture(
    capture: Capture, target: CaptureStatus, *, actor: str, now: dt.datetime, reason: str = "", **changes: Any
) -> None:
    """One step of a capture that decides about it. Raises IllegalIntentTransition."""
    source = CaptureStatus(capture.status)
    changes = _last_step(capture.version, target, now=now) | changes
    guarded = Capture.objects.filter(pk=capture.pk, status=source, version=capture.version)
    if not captures.allows(source, target) or not guarded.update(**changes):
        raise illegal(capture.intent)
    _assign(capture, changes)
    history = [(None, source, target, capture.version, reason)]
    record(capture.intent, history=history, actor=actor, capture_id=capture.pk)
    on_commit(metrics.captures.labels(capture.provider, target).inc)


def move_late_payment(
    late: LatePayment, target: LatePaymentStatus, *, now: dt.datetime, return_reason: str | None = None
) -> None:
    """One step of a late payment. Raises LatePaymentDecided when it was taken meanwhile."""
    changes: dict[str, Any] = {"status": target, "version": late.version + 1}
    if late.status == LatePaymentStatus.RECEIVED:
        changes |= {"decided_at": now}
    if return_reason is not None:
        changes |= {"return_reason": return_reason}
    guarded = LatePayment.objects.filter(pk=late.pk, status=late.status, version=late.version)
    if not guarded.update(**changes):
        raise LatePaymentDecided
    _assign(late, changes)


def record(
    intent: PaymentIntent,
    *,
    history: Sequence[tuple[Any, ...]],
    actor: str,
    capture_id: uuid.UUID | None = None,
    refund_id: uuid.UUID | None = None,
) -> None:
    """Add history rows `(attempt id or None, from, to, sequence, reason)` of an intent and of what belongs to it."""
    for attempt_id, source, target, sequence, reason in history:
        IntentEvent(
            psp_id=intent.psp_id,
            merchant_id=intent.merchant_id,
            store_id=intent.store_id,
            intent_id=intent.pk,
            attempt_id=attempt_id,
            capture_id=capture_id,
            refund_id=refund_id,
            sequence=sequence,
            from_status=source,
            to_status=target,
            actor=actor,
            reason=reason,
        ).save(force_insert=True)


def illegal(intent: PaymentIntent) -> IllegalIntentTransition:
    """The refusal that names the states which would be possible now."""
    following = intents.TRANSITIONS[IntentStatus(intent.status)]
    return IllegalIntentTransition(allowed=[status.value for status in following])


def illegal_refund(refund: Refund) -> IllegalRefundTransition:
    """The same for a refund."""
    following = refunds.TRANSITIONS[RefundStatus(refund.status)]
    return IllegalRefundTransition(allowed=[status.value for status in following])


def _last_step(version: int, target: str, *, now: dt.datetime) -> dict[str, Any]:
    """What decides a refund or capture: nothing is left to ask."""
    return {"status": target, "status_at": now, "version": version + 1, "probes": 0, "next_probe_at": None}


def _assign(row: Model, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
