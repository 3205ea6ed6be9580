"""Row locks, in one place and one order: the intent, its attempt, its refund or capture, its late payment."""

import uuid

from kernel.errors import NotFound
from mpac.pgw.models import Capture, LatePayment, PaymentAttempt, PaymentIntent, Refund


def lock_intent(intent_id: uuid.UUID) -> PaymentIntent:
    """The intent, locked until the transaction ends. Raises NotFound."""
    intent: PaymentIntent | None = PaymentIntent.objects.select_for_update().filter(pk=intent_id).first()
    if intent is None:
        raise NotFound
    return intent


def lock_attempt_with_intent(attempt_id: uuid.UUID) -> tuple[PaymentIntent, PaymentAttempt]:
    """An attempt and its intent, both locked, the intent first. Raises NotFound."""
    intent_id = PaymentAttempt.objects.filter(pk=attempt_id).values_list("intent_id", flat=True).first()
    if intent_id is None:
        raise NotFound
    intent = lock_intent(intent_id)
    attempt: PaymentAttempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    return intent, attempt


def lock_undecided_late_payment(intent: PaymentIntent) -> LatePayment | None:
    """The late payment of a locked intent that waits for a decision, or None."""
    found: LatePayment | None = (
        LatePayment.objects.select_for_update()
        .filter(intent=intent, status="received")
        .order_by("pk")
        .first()
    )
    return found


def lock_returning_late_payment(refund: Refund) -> LatePayment:
    """The late payment that a locked refund gives back."""
    late: LatePayment = LatePayment.objects.select_for_update().get(pk=refund.late_payment_id)
    late.intent, late.attempt = refund.intent, refund.attempt
    return late


def lock_refund_with_intent(refund_id: uuid.UUID) -> Refund:
    """A refund, its attempt and its intent, all locked, the intent first. Raises NotFound."""
    attempt_id = Refund.objects.filter(pk=refund_id).values_list("attempt_id", flat=True).first()
    if attempt_id is None:
        raise NotFound
    intent, attempt = lock_attempt_with_intent(attempt_id)
    refund: Refund = Refund.objects.select_for_update().get(pk=refund_id)
    attempt.intent = intent
    refund.intent, refund.attempt = intent, attempt
    return refund


def lock_capture_with_intent(capture_id: uuid.UUID) -> Capture:
    """A capture, its attempt and its intent, all locked, the intent first. Raises NotFound."""
    attempt_id = Capture.objects.filter(pk=capture_id).values_list("attempt_id", flat=True).first()
    if attempt_id is None:
        raise NotFound
    intent, attempt = lock_attempt_with_intent(attempt_id)
    capture: Capture = Capture.objects.select_for_update().get(pk=capture_id)
    attempt.intent = intent
    capture.intent, capture.attempt = intent, attempt
    return capture
