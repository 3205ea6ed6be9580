"""Taking money for a bill: cash at once, everything else through the gateway in steps."""

import datetime as dt
import uuid
from dataclasses import dataclass

from kernel import ids
from mpac.smarttab.db import atomic
from mpac.smarttab.domain.payments import change_due
from mpac.smarttab.domain.states import PaymentMethod, PaymentStatus
from mpac.smarttab.dto import Caller
from mpac.smarttab.errors import TenderedNotCash, TenderedTooLittle
from mpac.smarttab.models import Bill, Order, Payment
from mpac.smarttab.selectors.locks import lock_bill
from mpac.smarttab.services import announce, bills
from mpac.smarttab.services.history import record
from mpac.smarttab.services.keys import one_effect_per_key


@dataclass(frozen=True, kw_only=True)
class Tender:
    """How the guest wants to pay, and how much of the bill, in minor units. Only cash is tendered.

    Without an amount it is for all that the bill has room for.
    """

    method: PaymentMethod
    amount_minor: int | None = None
    tendered_minor: int | None = None
    provider: str = ""

    def __post_init__(self) -> None:
        """Raise TenderedNotCash or TenderedTooLittle for a tender that cannot be."""
        if self.tendered_minor is not None and self.method is not PaymentMethod.CASH:
            raise TenderedNotCash
        if self.amount_minor is not None:
            self.handed_over(self.amount_minor)

    def handed_over(self, amount_minor: int) -> int:
        """Return what the guest hands over for an amount. Raises TenderedTooLittle."""
        tendered_minor = amount_minor if self.tendered_minor is None else self.tendered_minor
        try:
            change_due(tendered_minor=tendered_minor, amount_minor=amount_minor)
        except ValueError:
            raise TenderedTooLittle from None
        return tendered_minor


def take_cash_payment(
    *, caller: Caller, bill_id: uuid.UUID, tender: Tender, idempotency_key: str | None, now: dt.datetime
) -> Payment:
    """Take cash for all or part of a bill, in one transaction: payment, bill, order and what others are told.

    Raises NotFound, BillNotOpen, AmountExceedsDue, IdempotencyKeySpent.
    """
    with atomic(caller.scope), one_effect_per_key():
        order, bill = lock_bill(bill_id)
        return take_cash(order, bill, caller=caller, tender=tender, idempotency_key=idempotency_key, now=now)


def take_cash(
    order: Order, bill: Bill, *, caller: Caller, tender: Tender, idempotency_key: str | None, now: dt.datetime
) -> Payment:
    """Take cash for a locked bill."""
    amount_minor = _amount_for(bill, tender)
    bills.pay(order, bill, amount_minor, reserved=False, actor=caller.actor, now=now)
    payment = _new_payment(
        order, bill, caller=caller, tender=tender, idempotency_key=idempotency_key, now=now
    )
    payment.amount_minor = amount_minor
    payment.status = PaymentStatus.COMPLETED.value
    payment.tendered_minor = tender.handed_over(amount_minor)
    payment.captured_minor = amount_minor
    payment.completed_at = now
    payment.save(force_insert=True)
    record(payment, before="", after=payment.status, actor=caller.actor, now=now)
    announce.announce_completion(order, bill, payment, now=now)
    return payment


def start_gateway_payment(
    *, caller: Caller, bill_id: uuid.UUID, tender: Tender, idempotency_key: str | None, now: dt.datetime
) -> Payment:
    """Set the amount aside on the bill and record the payment as processing, before anybody is asked for money.

    `gateway_payments.finish_gateway_payment` goes on from there, after this has been committed.

    Raises NotFound, BillNotOpen, AmountExceedsDue, IdempotencyKeySpent.
    """
    with atomic(caller.scope), one_effect_per_key():
        order, bill = lock_bill(bill_id)
        return start(order, bill, caller=caller, tender=tender, idempotency_key=idempotency_key, now=now)


def start(
    order: Order, bill: Bill, *, caller: Caller, tender: Tender, idempotency_key: str | None, now: dt.datetime
) -> Payment:
    """Start a gateway payment for a locked bill."""
    amount_minor = _amount_for(bill, tender)
    bills.reserve(bill, amount_minor, now=now)
    payment = _new_payment(
        order, bill, caller=caller, tender=tender, idempotency_key=idempotency_key, now=now
    )
    payment.amount_minor = amount_minor
    payment.status = PaymentStatus.PROCESSING.value
    payment.started_at = now
    payment.save(force_insert=True)
    record(payment, before="", after=PaymentStatus.PENDING.value, actor=caller.actor, now=now)
    record(payment, before=PaymentStatus.PENDING.value, after=payment.status, actor=caller.actor, now=now)
    return payment


def _amount_for(bill: Bill, tender: Tender) -> int:
    """Return what to take. Raises BillNotOpen when the bill has no room for any."""
    if tender.amount_minor is not None:
        return tender.amount_minor
    room = bill.total_minor - bill.paid_minor - bill.reserved_minor
    if room <= 0:
        bills.refuse(bill)
    return room


def _new_payment(
    order: Order, bill: Bill, *, caller: Caller, tender: Tender, idempotency_key: str | None, now: dt.datetime
) -> Payment:
    return Payment(
        id=ids.uuid7(at=now),
        psp_id=order.psp_id,
        merchant_id=order.merchant_id,
        store_id=order.store_id,
        order=order,
        bill=bill,
        device_id=caller.device_id,
        method=tender.method.value,
        provider=tender.provider,
        currency=bill.currency,
        livemode=order.livemode,
        idempotency_key=idempotency_key,
        updated_at=now,
    )
