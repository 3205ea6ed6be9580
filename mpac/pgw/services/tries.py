"""Asking again later, and ending a try that took no money."""

import datetime as dt
from typing import Any

from mpac.pgw import conf
from mpac.pgw.domain import probing
from mpac.pgw.domain.attempts import FINISHABLE, OPEN, AttemptStatus
from mpac.pgw.domain.intents import ENDED, IntentStatus
from mpac.pgw.events import (
    PaymentIntentCancelled,
    PaymentIntentDeclined,
    PaymentIntentExpired,
    PaymentIntentFailed,
)
from mpac.pgw.models import Capture, PaymentAttempt, PaymentIntent, Refund
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.evidence import Case, LearnedFrom, remember_attempt
from mpac.pgw.services.steps import move_attempt, move_intent

TAKING = frozenset({IntentStatus.PROCESSING, IntentStatus.REQUIRES_ACTION})


def is_unwanted(attempt: PaymentAttempt, *, now: dt.datetime) -> bool:
    """Whether money that is held by this attempt has to be let go: nobody waits for it any more."""
    intent = attempt.intent
    if intent.capturing_minor or attempt.status == AttemptStatus.CAPTURED:
        return False
    lapsed = intent.capture_before is not None and intent.capture_before <= now
    called_off = intent.cancel_requested_at is not None or intent.status in ENDED
    return lapsed or called_off or attempt.status not in OPEN


def is_shown_in_vain(attempt: PaymentAttempt, *, now: dt.datetime) -> bool:
    """Whether a customer may still act on what nobody waits for any more."""
    intent = attempt.intent
    is_over = intent.cancel_requested_at is not None or intent.status in ENDED or intent.expires_at <= now
    return is_over and attempt.status == AttemptStatus.REQUIRES_ACTION


def is_recallable(attempt: PaymentAttempt, *, now: dt.datetime) -> bool:
    """Whether nobody wants a charge that may never have arrived, nobody repeats its call, and none is under way any more."""
    intent = attempt.intent
    over_since = min(intent.cancel_requested_at or intent.expires_at, intent.expires_at)
    return attempt.status == AttemptStatus.UNKNOWN and over_since + probing.STALE_SENT_AFTER <= now


def is_held_after_all(attempt: PaymentAttempt) -> bool:
    """Whether a hold became known when its attempt was closed already; it is let go as often as the attempt is looked at."""
    return attempt.status == AttemptStatus.VOIDED and attempt.provider_reference is not None


def is_finish_wanted(intent: PaymentIntent, *, now: dt.datetime) -> bool:
    """Whether what its payer has agreed to is to be taken."""
    return intent.status in TAKING and intent.cancel_requested_at is None and intent.expires_at > now


def is_finishable(attempt: PaymentAttempt) -> bool:
    """Whether its payer can have agreed to the charge: they have seen it, and it is open."""
    return attempt.status in FINISHABLE and attempt.provider_reference is not None


def is_finish_under_way(attempt: PaymentAttempt, *, now: dt.datetime) -> bool:
    """Whether a call that finishes the charge may still be on its way: nothing may be concluded from what was not found."""
    sent_at = attempt.finish_sent_at
    return sent_at is not None and sent_at + probing.STALE_SENT_AFTER > now


def ask_again_later(case: Case) -> None:
    """Ask when the attempt's state says so, or never. A hint, which anybody can send, cannot put it off.

    What is held or shown in vain is asked about as often as what is not known.
    """
    attempt = case.attempt
    held_in_vain = attempt.status == AttemptStatus.AUTHORIZED and is_unwanted(attempt, now=case.now)
    in_vain = held_in_vain or is_shown_in_vain(attempt, now=case.now)
    if case.learned_from is not LearnedFrom.WEBHOOK:
        due = probing.next_probe_at(
            status=AttemptStatus.UNKNOWN if in_vain else AttemptStatus(attempt.status),
            probes=attempt.probes,
            opened_at=attempt.status_at,
            now=case.now,
        )
        _schedule(attempt, due)


def ask_at_once(case: Case) -> None:
    """Let the resolver look at the attempt as soon as it can."""
    _schedule(case.attempt, case.now)


def ask_about_operation_later(
    row: Refund | Capture,
    *,
    learned_from: LearnedFrom,
    now: dt.datetime,
    reference: str | None = None,
    code: str | None = None,
    message: str | None = None,
) -> None:
    """Nothing was decided about an open refund or capture."""
    known = reference or row.provider_reference
    changes: dict[str, Any] = {"provider_reference": known, "error_code": code, "error_message": message}
    if learned_from is not LearnedFrom.WEBHOOK:
        changes["next_probe_at"] = probing.next_operation_probe_at(
            probes=row.probes, accepted=known is not None, now=now
        )
    type(row).objects.filter(pk=row.pk, version=row.version).update(**changes)
    for name, value in changes.items():
        setattr(row, name, value)


def was_called_once(row: PaymentAttempt | Refund | Capture) -> bool:
    """Whether nobody but its opener has made the call.

    An opener that hangs for long is taken for dead, and the resolver may then make the same call again.
    """
    return bool(row.probes == 0)


def proves_refusal(row: Refund | Capture, *, learned_from: LearnedFrom) -> bool:
    """Whether a call that was refused unprocessed proves that nothing was done.

    That of the only call does. A repeated call that is refused says nothing about the one before it, until it has been
    repeated often enough.
    """
    if learned_from is LearnedFrom.ANSWER:
        return was_called_once(row)
    return learned_from is LearnedFrom.REISSUE and row.probes >= probing.MAX_REISSUES


def give_up(case: Case, *, reason: str) -> None:
    """Close an open attempt on proof of no charge, and its intent with it. The attempt stays under watch."""
    intent, attempt = case.intent, case.attempt
    remember_attempt(case, status="voided", error_code=reason)
    move_attempt(attempt, AttemptStatus.VOIDED, actor=case.learned_from, now=case.now, reason=reason)
    if intent.status == IntentStatus.REQUIRES_ACTION and intent.cancel_requested_at is None:
        move_intent(intent, IntentStatus.EXPIRED, actor=case.learned_from, now=case.now)
        announce(PaymentIntentExpired, intent, now=case.now)
    elif intent.status not in ENDED:
        end_try(case, code="provider_unavailable", message="The provider could not be reached in time.")


def end_try(case: Case, *, code: str, message: str) -> None:
    """The intent waits for another try, fails, or is cancelled as its caller wished."""
    intent = case.intent
    error = {"error_code": code, "error_message": message}
    if intent.status not in TAKING:
        return
    if intent.cancel_requested_at is not None:
        move_intent(intent, IntentStatus.CANCELLED, actor=case.learned_from, now=case.now)
        announce(PaymentIntentCancelled, intent, now=case.now)
    elif case.attempt.number < conf.MAX_ATTEMPTS[intent.source] and intent.expires_at > case.now:
        move_intent(
            intent,
            IntentStatus.REQUIRES_PAYMENT_METHOD,
            actor=case.learned_from,
            now=case.now,
            reason=code,
            **error,
        )
        announce(PaymentIntentDeclined, intent, now=case.now, **error)
    else:
        move_intent(intent, IntentStatus.FAILED, actor=case.learned_from, now=case.now, reason=code, **error)
        announce(PaymentIntentFailed, intent, now=case.now, **error)


def _schedule(attempt: PaymentAttempt, due: dt.datetime | None) -> None:
    attempt.next_probe_at = due
    PaymentAttempt.objects.filter(pk=attempt.pk, version=attempt.version).update(next_probe_at=due)
