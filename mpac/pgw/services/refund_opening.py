"""Opening a refund: the row, its reservation and its first steps, in the transaction of whoever wants it."""

import datetime as dt
from dataclasses import dataclass

from kernel.ids import created_at_of, uuid7
from kernel.money import Money
from mpac.pgw.adapters.port import RefundSupport
from mpac.pgw.adapters.registry import find_adapter, key_at
from mpac.pgw.domain.probing import STALE_SENT_AFTER
from mpac.pgw.domain.refunds import RefundStatus
from mpac.pgw.events import RefundCreated
from mpac.pgw.models import LatePayment, PaymentAttempt, Refund
from mpac.pgw.services.announcements import announce_refund
from mpac.pgw.services.steps import record

LATE = "late_payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRefund:
    """Money to give back: which, how much, why, and who says so."""

    amount: Money
    reason: str
    payment_reference: str
    idempotency_key: str
    requested_by: str
    retry_of: Refund | None = None
    late_payment: LatePayment | None = None


def open_late_refund(
    late: LatePayment, *, requested_by: str, now: dt.datetime, retry_of: Refund | None = None
) -> Refund:
    """Give late money back, all of it. The resolver sends it, since nobody waits for the answer."""
    number = Refund.objects.filter(late_payment=late).count() + 1
    wanted = WantedRefund(
        amount=Money(late.amount_minor, late.currency),
        reason=LATE,
        payment_reference=late.provider_reference,
        idempotency_key=f"{LATE}/{late.pk}/{number}",
        requested_by=requested_by,
        retry_of=retry_of,
        late_payment=late,
    )
    return open_refund(late.attempt, wanted, send_at=now, now=now)


def open_refund(
    attempt: PaymentAttempt, wanted: WantedRefund, *, now: dt.datetime, send_at: dt.datetime | None = None
) -> Refund:
    """The row of a refund whose money is reserved already, committed before its provider is called.

    Whoever opens it calls the provider; the resolver does so at `send_at`, by default when that caller must have died. A
    provider that has no such call leaves it to people.
    """
    manual = needs_hands(attempt)
    refund_id = uuid7()
    refund = Refund(
        id=refund_id,
        created_at=created_at_of(refund_id),
        psp_id=attempt.psp_id,
        merchant_id=attempt.merchant_id,
        store_id=attempt.store_id,
        intent=attempt.intent,
        attempt=attempt,
        late_payment=wanted.late_payment,
        retry_of=wanted.retry_of,
        status=RefundStatus.PENDING if manual else RefundStatus.PROCESSING,
        status_at=now,
        version=1 if manual else 2,
        amount_minor=wanted.amount.amount_minor,
        currency=wanted.amount.currency,
        reason=wanted.reason,
        provider=attempt.provider,
        operation_key=key_at(attempt.provider, refund_id),
        payment_reference=wanted.payment_reference,
        livemode=attempt.livemode,
        manual=manual,
        requested_by=wanted.requested_by,
        idempotency_key=wanted.idempotency_key,
        next_probe_at=None if manual else send_at or now + STALE_SENT_AFTER,
    )
    refund.save(force_insert=True)
    history = [
        (None, None, RefundStatus.PENDING, 1, wanted.reason),
        (None, RefundStatus.PENDING, RefundStatus.PROCESSING, 2, ""),
    ]
    record(attempt.intent, history=history[: refund.version], actor=wanted.requested_by, refund_id=refund_id)
    announce_refund(RefundCreated, refund, now=now)
    return refund


def needs_hands(attempt: PaymentAttempt) -> bool:
    """Whether people have to send the money back, because the provider has no call for that."""
    adapter = find_adapter(attempt.provider)
    return adapter is None or adapter.capabilities.refund is RefundSupport.NONE
