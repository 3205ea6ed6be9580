"""Row locks, in one place and one order: the intent first, then its attempt, then its late payment."""

import uuid

from kernel.errors import NotFound
from mpac.pgw.models import LatePayment, PaymentAttempt, PaymentIntent


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
