"""How a state changes: one guarded UPDATE and one history row, in the caller's transaction. Nothing else writes a status."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from mpac.pgw.domain import attempts, intents
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.probing import next_probe_at
from mpac.pgw.errors import IllegalIntentTransition
from mpac.pgw.models import IntentEvent, PaymentAttempt, PaymentIntent


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
    """One step of an attempt, with the next instant to ask about it. Raises IllegalIntentTransition."""
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
    guarded = PaymentAttempt.objects.filter(pk=attempt.pk, status=source, version=attempt.version)
    if not guarded.update(**changes):
        raise illegal(attempt.intent)
    _assign(attempt, changes)
    record(attempt.intent, history=[(attempt.pk, source, target, attempt.version, reason)], actor=actor)


def record(intent: PaymentIntent, *, history: Sequence[tuple[Any, ...]], actor: str) -> None:
    """Add history rows `(attempt id or None, from, to, sequence, reason)` of an intent and its attempts."""
    for attempt_id, source, target, sequence, reason in history:
        IntentEvent(
            psp_id=intent.psp_id,
            merchant_id=intent.merchant_id,
            store_id=intent.store_id,
            intent_id=intent.pk,
            attempt_id=attempt_id,
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


def _assign(row: PaymentIntent | PaymentAttempt, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
