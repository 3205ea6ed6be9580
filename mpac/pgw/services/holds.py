"""Held money: what becomes of an intent when money is held for it, taken in parts, or let go.

The state of such an intent follows from kept facts alone: what is held, what is captured, whether a capture is in flight
and whether one was the last. So it does not matter in which order they are learned.
"""

import datetime as dt

from kernel.ids import created_at_of, uuid7
from kernel.money import Money
from mpac.pgw.adapters.port import ProviderPayment
from mpac.pgw.adapters.registry import find_adapter, key_at
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.domain.captures import CaptureStatus
from mpac.pgw.domain.intents import ENDED, IntentStatus
from mpac.pgw.domain.late_payments import LateReason
from mpac.pgw.domain.lateness import reason_for
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.domain.probing import STALE_SENT_AFTER
from mpac.pgw.events import (
    PaymentIntentAmountCapturable,
    PaymentIntentCancelled,
    PaymentIntentExpired,
    PaymentIntentProcessing,
    PaymentIntentSucceeded,
)
from mpac.pgw.models import Capture, PaymentAttempt
from mpac.pgw.services import sums
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.evidence import Case, remember_attempt
from mpac.pgw.services.late_money import receive_late
from mpac.pgw.services.steps import move_attempt, move_capture, move_intent, record, walk_intent
from mpac.pgw.services.tries import ask_again_later, ask_at_once, end_try, is_unwanted

PROVIDER = "provider"


def hold(case: Case, *, reference: str | None, amount: Money, until: dt.datetime | None = None) -> None:
    """The money is held. A capture by the caller takes it; with automatic capture the provider itself goes on to that."""
    intent, attempt = case.intent, case.attempt
    remember_attempt(case, status="authorized", amount=amount, reference=reference)
    move_attempt(
        attempt,
        AttemptStatus.AUTHORIZED,
        actor=case.learned_from,
        now=case.now,
        provider_reference=reference,
        error_code=None,
        error_message=None,
    )
    if intent.status in ENDED:
        ask_at_once(case)
    elif intent.capture_method == CaptureMethod.AUTOMATIC:
        if intent.status == IntentStatus.REQUIRES_ACTION:
            move_intent(intent, IntentStatus.PROCESSING, actor=case.learned_from, now=case.now)
            announce(PaymentIntentProcessing, intent, now=case.now)
    else:
        # Another sum than was asked for is let go as a whole.
        fits = amount == Money(attempt.amount_minor, attempt.currency)
        walk_intent(
            intent,
            IntentStatus.REQUIRES_CAPTURE,
            actor=case.learned_from,
            now=case.now,
            authorized_minor=attempt.amount_minor,
            capture_before=until,
            cancel_requested_at=intent.cancel_requested_at if fits else case.now,
        )
        _announce_capturable(case)
    if is_unwanted(attempt, now=case.now):
        ask_at_once(case)


def release(case: Case, *, reason: str) -> None:
    """The provider has let the money go, or what is left of it."""
    intent, attempt = case.intent, case.attempt
    if intent.capturing_minor:
        ask_again_later(case)  # what becomes of the capture in flight decides
        return
    remember_attempt(case, status="voided", error_code=reason)
    if attempt.captured_minor:
        _finish(case)
        return
    move_attempt(attempt, AttemptStatus.VOIDED, actor=case.learned_from, now=case.now, reason=reason)
    if intent.status == IntentStatus.REQUIRES_CAPTURE:
        called_off = intent.cancel_requested_at is not None
        end, event = (
            (IntentStatus.CANCELLED, PaymentIntentCancelled)
            if called_off
            else (IntentStatus.EXPIRED, PaymentIntentExpired)
        )
        move_intent(intent, end, actor=case.learned_from, now=case.now, reason=reason, authorized_minor=0)
        announce(event, intent, now=case.now)
    else:
        end_try(case, code=reason, message="The provider let the money go.")


def take_held(case: Case, payment: ProviderPayment) -> None:
    """Held money that the provider says was taken: by the capture in flight, or by nobody here."""
    attempt, amount_minor = case.attempt, payment.amount.amount_minor
    if attempt.status != AttemptStatus.AUTHORIZED:
        whole = Money(attempt.amount_minor, attempt.currency)
        hold(case, reference=attempt.provider_reference or payment.reference, amount=whole)
    capture = Capture.objects.filter(attempt=attempt, status=CaptureStatus.PROCESSING).first()
    if capture is not None and capture.amount_minor == amount_minor:
        capture.intent, capture.attempt = case.intent, attempt
    elif capture is None and sums.reserve_capture(case.intent, amount_minor):
        adapter = find_adapter(attempt.provider)
        final = adapter is None or not adapter.capabilities.multiple_capture
        capture = open_capture(
            attempt,
            amount_minor,
            final=final,
            key=f"{PROVIDER}/{attempt.provider}/{payment.reference}",
            requested_by=PROVIDER,
            now=case.now,
        )
    else:
        receive_late(attempt, payment, reason=LateReason.DUPLICATE, now=case.now)
        return
    complete_capture(case, capture, payment)


def open_capture(
    attempt: PaymentAttempt, amount_minor: int, *, final: bool, key: str, requested_by: str, now: dt.datetime
) -> Capture:
    """The row of a capture whose amount is reserved already, committed before its provider is called."""
    capture_id = uuid7()
    capture = Capture(
        id=capture_id,
        created_at=created_at_of(capture_id),
        psp_id=attempt.psp_id,
        merchant_id=attempt.merchant_id,
        store_id=attempt.store_id,
        intent=attempt.intent,
        attempt=attempt,
        status=CaptureStatus.PROCESSING,
        status_at=now,
        amount_minor=amount_minor,
        currency=attempt.currency,
        final=final,
        provider=attempt.provider,
        operation_key=key_at(attempt.provider, capture_id),
        livemode=attempt.livemode,
        requested_by=requested_by,
        idempotency_key=key,
        next_probe_at=now + STALE_SENT_AFTER,
    )
    capture.save(force_insert=True)
    history = [(None, None, CaptureStatus.PROCESSING, 1, "")]
    record(attempt.intent, history=history, actor=requested_by, capture_id=capture_id)
    return capture


def complete_capture(case: Case, capture: Capture, payment: ProviderPayment) -> None:
    """The money of a capture is here. One that had been taken for failed may find its place gone: then it is late."""
    intent, was_failed = case.intent, capture.status == CaptureStatus.FAILED
    has_place = not was_failed or (
        intent.status not in ENDED and sums.reserve_capture(intent, capture.amount_minor)
    )
    move_capture(
        capture,
        CaptureStatus.COMPLETED,
        actor=case.learned_from,
        now=case.now,
        provider_reference=payment.reference,
        error_code=None,
        error_message=None,
    )
    if has_place:
        sums.settle_capture(intent, capture.amount_minor)
        settle(case)
    else:
        _come_late(case, payment)


def settle(case: Case, *, code: str | None = None, message: str | None = None) -> None:
    """Bring attempt and intent to what the captures say, `code` being why the last one did not work."""
    intent, attempt = case.intent, case.attempt
    last = Capture.objects.filter(attempt=attempt, status=CaptureStatus.COMPLETED, final=True).exists()
    if not intent.capturing_minor and (last or intent.captured_minor == intent.authorized_minor):
        _finish(case)
        return
    PaymentAttempt.objects.filter(pk=attempt.pk).update(captured_minor=intent.captured_minor)
    attempt.captured_minor = intent.captured_minor
    if intent.capturing_minor:
        return
    error = {"error_code": code, "error_message": message}
    if intent.status == IntentStatus.PROCESSING:
        move_intent(
            intent,
            IntentStatus.REQUIRES_CAPTURE,
            actor=case.learned_from,
            now=case.now,
            reason=code or "",
            **error,
        )
    _announce_capturable(case)
    if code is not None or is_unwanted(attempt, now=case.now):
        ask_at_once(case)


def _announce_capturable(case: Case) -> None:
    intent = case.intent
    announce(
        PaymentIntentAmountCapturable,
        intent,
        now=case.now,
        amount_capturable_minor=intent.authorized_minor - intent.captured_minor,
        captured_minor=intent.captured_minor,
        error_code=intent.error_code or "",
        error_message=intent.error_message or "",
    )


def _finish(case: Case) -> None:
    """All is captured that will be; what was held beyond it is free."""
    intent = case.intent
    move_attempt(
        case.attempt,
        AttemptStatus.CAPTURED,
        actor=case.learned_from,
        now=case.now,
        captured_minor=intent.captured_minor,
    )
    walk_intent(
        intent,
        IntentStatus.SUCCEEDED,
        actor=case.learned_from,
        now=case.now,
        authorized_minor=intent.captured_minor,
        error_code=None,
        error_message=None,
    )
    announce(PaymentIntentSucceeded, intent, now=case.now, captured_minor=intent.captured_minor)


def _come_late(case: Case, payment: ProviderPayment) -> None:
    intent, attempt = case.intent, case.attempt
    if attempt.status == AttemptStatus.VOIDED:
        move_attempt(
            attempt,
            AttemptStatus.CAPTURED,
            actor=case.learned_from,
            now=case.now,
            captured_minor=payment.amount.amount_minor,
        )
    ended = intent.status in ENDED and intent.status != IntentStatus.SUCCEEDED
    reason = reason_for(IntentStatus(intent.status)) if ended else LateReason.DUPLICATE
    receive_late(attempt, payment, reason=reason, now=case.now)
