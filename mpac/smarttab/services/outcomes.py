"""What the gateway learned about a payment, applied to payment, bill and order in one transaction each.

Every function here may be called again with the same news, late, or out of order: what is decided stays decided, and
the only thing that overrules a failure is money that came.
"""

import datetime as dt
import uuid
from typing import Any

from django.db.models import F

from kernel.tenancy import TenantScope
from mpac.smarttab.db import atomic
from mpac.smarttab.domain.payments import PaymentFacts, status_of
from mpac.smarttab.domain.states import (
    CAPTURED_STATUSES,
    OPEN_PAYMENT_STATUSES,
    PAYMENT_TRANSITIONS,
    LateDecision,
    PaymentStatus,
)
from mpac.smarttab.errors import AmountExceedsDue, BillNotOpen
from mpac.smarttab.models import Bill, Order, Payment
from mpac.smarttab.selectors.locks import lock_payment
from mpac.smarttab.services import announce, bills
from mpac.smarttab.services.history import change_status

ACTOR = "gateway"
_CAPTURED = frozenset(status.value for status in CAPTURED_STATUSES)
_OPEN = frozenset(status.value for status in OPEN_PAYMENT_STATUSES)


def complete_payment(
    *, scope: TenantScope, payment_id: uuid.UUID, intent_id: str, amount_minor: int, now: dt.datetime
) -> None:
    """The money is there: complete the payment, count it on bill and order, close the bill when nothing is due.

    For a payment that had failed or was called off this is late money: see `decide_late_payment`.

    Raises NotFound; ValueError when the amount is not the one that was asked for.
    """
    with atomic(scope):
        order, bill, payment = lock_payment(payment_id)
        if payment.status in _CAPTURED:
            return
        _check_amount(payment, amount_minor)
        if payment.status in _OPEN:
            bills.pay(order, bill, payment.amount_minor, reserved=True, actor=ACTOR, now=now)
            _capture(order, bill, payment, intent_id=intent_id, now=now)
        else:
            _decide_late(order, bill, payment, intent_id=intent_id, now=now)


def decide_late_payment(
    *, scope: TenantScope, payment_id: uuid.UUID, intent_id: str, amount_minor: int, now: dt.datetime
) -> None:
    """Money came after its payment had failed or was called off: take it if the bill is still due, else return it.

    The decision is recorded once and published; a handler carries it to the gateway.

    Raises NotFound; ValueError when the amount is not the one that was asked for.
    """
    with atomic(scope):
        order, bill, payment = lock_payment(payment_id)
        _check_amount(payment, amount_minor)
        if payment.late_decision:
            return
        if payment.status in _CAPTURED:
            _record_decision(payment, LateDecision.ACCEPTED, reason="already_completed", now=now)
        elif payment.status in _OPEN:
            bills.pay(order, bill, payment.amount_minor, reserved=True, actor=ACTOR, now=now)
            _capture(order, bill, payment, intent_id=intent_id, now=now)
            _record_decision(payment, LateDecision.ACCEPTED, reason="still_open", now=now)
        else:
            _decide_late(order, bill, payment, intent_id=intent_id, now=now)


def fail_payment(
    *,
    scope: TenantScope,
    payment_id: uuid.UUID,
    intent_id: str | None,
    to: PaymentStatus,
    code: str,
    message: str,
    now: dt.datetime,
) -> None:
    """No money will come: fail or cancel the payment and give back what was set aside. Decided payments stay.

    Raises NotFound.
    """
    with atomic(scope):
        order, bill, payment = lock_payment(payment_id)
        if payment.status not in _OPEN:
            return
        at = "cancelled_at" if to is PaymentStatus.CANCELLED else "failed_at"
        columns: dict[str, Any] = {
            at: now,
            "failure_code": code,
            "failure_message": message,
            "next_action": None,
        }
        if intent_id:
            columns["payment_intent_id"] = intent_id
        bills.release(bill, payment.amount_minor, now=now)
        change_status(
            payment, to=to, transitions=PAYMENT_TRANSITIONS, actor=ACTOR, now=now, reason=code, **columns
        )
        announce.announce_failure(order, bill, payment, now=now)


def record_next_action(
    *,
    scope: TenantScope,
    payment_id: uuid.UUID,
    intent_id: str,
    next_action: dict[str, Any] | None,
    now: dt.datetime,
) -> None:
    """Remember the intent and what the terminal has to show; tell the terminal once. Raises NotFound."""
    with atomic(scope):
        order, _bill, payment = lock_payment(payment_id)
        if payment.status not in _OPEN:
            return
        shown = next_action if next_action is not None else payment.next_action
        if payment.payment_intent_id == intent_id and payment.next_action == shown:
            return
        is_news = payment.next_action != shown
        _update(payment, now=now, payment_intent_id=intent_id, next_action=shown)
        if is_news:
            announce.announce_processing(order, payment, now=now)


def _decide_late(order: Order, bill: Bill, payment: Payment, *, intent_id: str, now: dt.datetime) -> None:
    if payment.late_decision:
        return
    _update(payment, now=now, payment_intent_id=intent_id)
    try:
        bills.pay(order, bill, payment.amount_minor, reserved=False, actor=ACTOR, now=now)
    except (BillNotOpen, AmountExceedsDue) as refusal:
        _record_decision(payment, LateDecision.RETURNED, reason=refusal.code, now=now)
        return
    _capture(order, bill, payment, intent_id=intent_id, now=now)
    _record_decision(payment, LateDecision.ACCEPTED, reason="still_due", now=now)


def _record_decision(payment: Payment, decision: LateDecision, *, reason: str, now: dt.datetime) -> None:
    _update(payment, now=now, late_decision=decision.value)
    announce.announce_late_decision(payment, reason=reason, now=now)


def _capture(order: Order, bill: Bill, payment: Payment, *, intent_id: str, now: dt.datetime) -> None:
    facts = PaymentFacts(
        amount_minor=payment.amount_minor, captured_minor=payment.amount_minor, is_started=True
    )
    change_status(
        payment,
        to=status_of(facts),
        transitions=PAYMENT_TRANSITIONS,
        actor=ACTOR,
        now=now,
        captured_minor=payment.amount_minor,
        payment_intent_id=intent_id,
        next_action=None,
        failure_code="",
        failure_message="",
        completed_at=now,
    )
    announce.announce_completion(order, bill, payment, now=now)


def _update(payment: Payment, *, now: dt.datetime, **columns: Any) -> None:
    columns["updated_at"] = now
    Payment.objects.filter(pk=payment.pk).update(version=F("version") + 1, **columns)
    payment.version += 1
    for name, value in columns.items():
        setattr(payment, name, value)


def _check_amount(payment: Payment, amount_minor: int) -> None:
    if amount_minor != payment.amount_minor:
        msg = f"payment {payment.pk} asked for {payment.amount_minor}, the gateway reports {amount_minor}"
        raise ValueError(msg)
