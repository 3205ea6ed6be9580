"""Payments through the gateway: ask for the money outside any transaction, and take up again what was interrupted.

The gateway knows each payment by its TypeID as idempotency key, so asking again never asks twice. An answer that did
not come is no answer: the payment stays processing until an event, or the resuming job, brings the truth.
"""

import datetime as dt
import uuid

from kernel import ids
from kernel.crashpoints import crashpoint, declare
from kernel.errors import DomainError, Forbidden, Invalid, NotFound
from kernel.logs import get_logger
from kernel.money import Money
from kernel.tenancy import SystemScope, TenantScope
from mpac.pgw import api as pgw
from mpac.smarttab.db import atomic, db
from mpac.smarttab.domain.states import OPEN_PAYMENT_STATUSES, PaymentMethod, PaymentStatus
from mpac.smarttab.dto import Caller
from mpac.smarttab.errors import PaymentNotCancellable
from mpac.smarttab.models import Payment
from mpac.smarttab.selectors.locks import lock_payment
from mpac.smarttab.selectors.orders import get_payment
from mpac.smarttab.services import outcomes

logger = get_logger(__name__)

declare(
    "smarttab.payment_begun",
    "smarttab.intent_created",
    "smarttab.intent_confirmed",
    "smarttab.cancel_requested",
)

_CLAIM = """
    UPDATE payments SET resumed_at = %(now)s
    WHERE id IN (
        SELECT id FROM payments
        WHERE status = 'processing' AND started_at < %(older_than)s
          AND (payment_intent_id IS NULL OR cancel_requested_at < %(older_than)s)
          AND (resumed_at IS NULL OR resumed_at < %(older_than)s)
        ORDER BY COALESCE(resumed_at, started_at) LIMIT 100 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, psp_id, merchant_id, cancel_requested_at
"""

_OPEN = frozenset(status.value for status in OPEN_PAYMENT_STATUSES)
# A conflict is no refusal: it may mean that an earlier try is under way, whose outcome is not known.
_REFUSALS = (Invalid, Forbidden, NotFound)
_FAILED_INTENT = frozenset({"failed", "expired", "requires_payment_method"})


def finish_gateway_payment(*, scope: TenantScope, payment_id: uuid.UUID, now: dt.datetime) -> Payment:
    """Create and confirm the payment's intent, record what came of it, and return the payment as it is then.

    Call it outside any transaction. Calling it again goes on where it stopped. A refusal by the gateway fails the
    payment; an outage leaves it processing. Raises NotFound.
    """
    crashpoint("smarttab.payment_begun")
    payment = _read(scope, payment_id)
    if payment.status in _OPEN and payment.payment_intent_id is None:
        try:
            _ask_for_money(payment, now=now)
        except _REFUSALS as refusal:
            outcomes.fail_payment(
                scope=scope,
                payment_id=payment_id,
                intent_id=None,
                to=PaymentStatus.FAILED,
                code=refusal.code,
                message=refusal.message,
                now=now,
            )
        except DomainError as outage:
            logger.warning("gateway gave no answer; the payment stays processing", code=outage.code)
    return _read(scope, payment_id)


def request_cancellation(*, caller: Caller, payment_id: uuid.UUID, now: dt.datetime) -> Payment:
    """Record that a payment under way is to be called off; `finish_cancellation` goes on from there.

    Raises NotFound, PaymentNotCancellable.
    """
    with atomic(caller.scope):
        _order, _bill, payment = lock_payment(payment_id)
        if payment.status not in _OPEN:
            raise PaymentNotCancellable(allowed=[])
        if payment.cancel_requested_at is None:
            Payment.objects.filter(pk=payment.pk).update(cancel_requested_at=now, updated_at=now)
    return payment


def finish_cancellation(*, scope: TenantScope, payment_id: uuid.UUID, now: dt.datetime) -> Payment:
    """Cancel the payment's intent and record what came of it. Call it outside any transaction; it may be repeated.

    When the gateway cannot prove that no money moved, the payment stays processing until it can. Raises NotFound.
    """
    crashpoint("smarttab.cancel_requested")
    payment = _read(scope, payment_id)
    if payment.status in _OPEN:
        try:
            intent = _intent_of(payment, now=now)
            tenant = _tenant(payment)
            intent = pgw.cancel_payment_intent(scope=tenant, intent_id=intent.id, now=now)
            apply_intent(scope=scope, payment_id=payment_id, intent=intent, now=now)
        except _REFUSALS:
            # There is no intent and the gateway wants none: nobody was asked for money.
            outcomes.fail_payment(
                scope=scope,
                payment_id=payment_id,
                intent_id=None,
                to=PaymentStatus.CANCELLED,
                code="cancelled",
                message="The payment was called off.",
                now=now,
            )
        except DomainError as conflict:
            logger.warning("payment could not be cancelled yet", code=conflict.code)
            _apply_present_intent(scope, payment_id, now=now)
    return _read(scope, payment_id)


def cancel_payments_of(*, scope: TenantScope, device_id: uuid.UUID, now: dt.datetime) -> int:
    """Call off what a terminal has under way; returns how many payments it were. Call it outside any transaction.

    All are marked first, in one commit: what cannot be finished now is taken up by `resume_payments`. Money that came
    meanwhile stays, as the gateway tells it.
    """
    with atomic(scope):
        under_way = Payment.objects.filter(device_id=device_id, status=PaymentStatus.PROCESSING.value)
        payment_ids = list(under_way.order_by("id").values_list("id", flat=True))
        under_way.filter(cancel_requested_at=None).update(cancel_requested_at=now, updated_at=now)
    for payment_id in payment_ids:
        try:
            finish_cancellation(scope=scope, payment_id=payment_id, now=now)
        except Exception:  # one that cannot be called off now must not keep the others from it
            logger.exception("payment could not be called off", payment=ids.encode("pay", payment_id))
    return len(payment_ids)


def apply_intent(
    *, scope: TenantScope, payment_id: uuid.UUID, intent: pgw.PaymentIntentDTO, now: dt.datetime
) -> None:
    """Bring a payment to what its intent says. Safe to repeat and to race with the gateway's events."""
    error = intent.last_error or {}
    match intent.status:
        case "succeeded":
            outcomes.complete_payment(
                scope=scope,
                payment_id=payment_id,
                intent_id=intent.id,
                amount_minor=intent.amount_minor,
                now=now,
            )
        case "cancelled":
            outcomes.fail_payment(
                scope=scope,
                payment_id=payment_id,
                intent_id=intent.id,
                to=PaymentStatus.CANCELLED,
                code="cancelled",
                message="The payment was called off.",
                now=now,
            )
        case status if status in _FAILED_INTENT:
            outcomes.fail_payment(
                scope=scope,
                payment_id=payment_id,
                intent_id=intent.id,
                to=PaymentStatus.FAILED,
                code=str(error.get("code") or status),
                message=str(error.get("message") or ""),
                now=now,
            )
        case _:
            outcomes.record_next_action(
                scope=scope,
                payment_id=payment_id,
                intent_id=intent.id,
                next_action=intent.next_action,
                now=now,
            )


def resume_payments(*, older_than: dt.datetime, now: dt.datetime) -> int:
    """Take up a batch of payments that were interrupted: begun but without an intent, or told to stop.

    Those that were not taken up for the longest time come first, and none again before `older_than` has passed it, so that
    neither two runs at once nor payments that cannot go on keep the others waiting. Returns how many it were.
    """
    with atomic(SystemScope("resolver")):
        waiting = db.execute(_CLAIM, {"older_than": older_than, "now": now})
    for payment_id, psp_id, merchant_id, cancel_requested_at in waiting:
        go_on = finish_gateway_payment if cancel_requested_at is None else finish_cancellation
        try:
            go_on(scope=TenantScope(psp_id, merchant_id), payment_id=payment_id, now=now)
        except Exception:  # one payment that cannot go on must not keep the others waiting
            logger.exception("payment could not be resumed", payment=ids.encode("pay", payment_id))
    return len(waiting)


def _ask_for_money(payment: Payment, *, now: dt.datetime) -> None:
    intent = _intent_of(payment, now=now)
    crashpoint("smarttab.intent_created")
    intent = pgw.confirm_payment_intent(scope=_tenant(payment), intent_id=intent.id, now=now)
    crashpoint("smarttab.intent_confirmed")
    apply_intent(scope=_tenant(payment), payment_id=payment.id, intent=intent, now=now)


def _intent_of(payment: Payment, *, now: dt.datetime) -> pgw.PaymentIntentDTO:
    """Create the payment's intent, or get the one that was created before."""
    payment_id = ids.encode("pay", payment.id)
    return pgw.create_payment_intent(
        scope=_tenant(payment),
        merchant_id=payment.merchant_id,
        store_id=payment.store_id,
        amount=Money(payment.amount_minor, payment.currency),
        method=PaymentMethod(payment.method).value,
        provider=payment.provider or None,
        idempotency_key=payment_id,
        source="smarttab",
        device_id=payment.device_id,
        reference=payment_id,
        livemode=payment.livemode,
        expires_in_s=None,
        now=now,
    )


def _apply_present_intent(scope: TenantScope, payment_id: uuid.UUID, *, now: dt.datetime) -> None:
    payment = _read(scope, payment_id)
    if payment.payment_intent_id is None or payment.status not in _OPEN:
        return
    intent = pgw.get_payment_intent(scope=_tenant(payment), intent_id=payment.payment_intent_id)
    apply_intent(scope=scope, payment_id=payment_id, intent=intent, now=now)


def _read(scope: TenantScope, payment_id: uuid.UUID) -> Payment:
    with atomic(scope):
        return get_payment(payment_id)


def _tenant(payment: Payment) -> TenantScope:
    return TenantScope(payment.psp_id, payment.merchant_id)
