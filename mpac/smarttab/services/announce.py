"""Telling others what changed: smarttab's events for other contexts, device events for the terminals concerned."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from kernel import ids, outbox
from kernel.models import StoreModel
from mpac.smarttab import events
from mpac.smarttab.db import db
from mpac.smarttab.models import Bill, Order, Payment
from mpac.smarttab.selectors import views
from mpac.smarttab.services.device_log import NewDeviceEvent, append_device_events


def announce_order(order: Order, *, now: dt.datetime) -> None:
    """Publish that an order changed and tell its device."""
    _publish_order(order, now=now)
    append_device_events(device_ids=[order.device_id], owner=order, events=[_order_event(order)], now=now)


def announce_bill(order: Order, bill: Bill, *, now: dt.datetime, with_order: bool = False) -> None:
    """Publish that a bill changed (and its order with it) and tell the order's device."""
    _publish_bill(bill, now=now)
    told = [_bill_event(bill)]
    if with_order:
        _publish_order(order, now=now)
        told.append(_order_event(order))
    append_device_events(device_ids=[order.device_id, bill.device_id], owner=order, events=told, now=now)


def announce_completion(order: Order, bill: Bill, payment: Payment, *, now: dt.datetime) -> None:
    """Publish that money came, and what it did to bill and order; tell the devices of order and payment."""
    outbox.publish(db, events.PaymentCompleted(**_payment_fields(payment)), now=now)
    _publish_bill(bill, now=now)
    _publish_order(order, now=now)
    told = [_payment_event("payment.completed", payment), _bill_event(bill), _order_event(order)]
    _tell(order, payment, told, now=now)


def announce_failure(order: Order, bill: Bill, payment: Payment, *, now: dt.datetime) -> None:
    """Publish that a payment came to nothing and tell the devices; the bill's reservation went with it."""
    outbox.publish(
        db,
        events.PaymentFailed(
            **_payment_fields(payment), status=payment.status, failure_code=payment.failure_code
        ),
        now=now,
    )
    _tell(order, payment, [_payment_event("payment.failed", payment), _bill_event(bill)], now=now)


def announce_processing(order: Order, payment: Payment, *, now: dt.datetime) -> None:
    """Tell the devices what a payment under way waits for."""
    _tell(order, payment, [_payment_event("payment.processing", payment)], now=now)


def announce_late_decision(payment: Payment, *, reason: str, now: dt.datetime) -> None:
    """Publish what was decided about money that came late; a handler carries it to the gateway."""
    outbox.publish(
        db,
        events.LatePaymentDecided(
            **_base(payment, "pay"),
            payment_id=ids.encode("pay", payment.id),
            payment_intent_id=payment.payment_intent_id or "",
            decision=payment.late_decision,
            reason=reason,
        ),
        now=now,
    )


def publish_order_created(order: Order, *, now: dt.datetime) -> None:
    """Publish that an order was taken up. Its device knows: it asked for it."""
    outbox.publish(
        db,
        events.OrderCreated(
            **_base(order, "ord"),
            order_id=ids.encode("ord", order.id),
            status=order.status,
            currency=order.currency,
            total_minor=order.total_minor,
        ),
        now=now,
    )


def publish_bill(bill: Bill, *, now: dt.datetime) -> None:
    """Publish that a bill was opened. Its device knows: it asked for it."""
    _publish_bill(bill, now=now)


def _publish_order(order: Order, *, now: dt.datetime) -> None:
    outbox.publish(
        db,
        events.OrderUpdated(
            **_base(order, "ord"),
            order_id=ids.encode("ord", order.id),
            status=order.status,
            payment_state=order.payment_state.value,
            currency=order.currency,
            total_minor=order.total_minor,
        ),
        now=now,
    )


def _publish_bill(bill: Bill, *, now: dt.datetime) -> None:
    outbox.publish(
        db,
        events.BillUpdated(
            **_base(bill, "bil"),
            bill_id=ids.encode("bil", bill.id),
            order_id=ids.encode("ord", bill.order_id),
            status=bill.status,
            currency=bill.currency,
            total_minor=bill.total_minor,
            paid_minor=bill.paid_minor,
        ),
        now=now,
    )


def _payment_fields(payment: Payment) -> dict[str, Any]:
    return _base(payment, "pay") | {
        "payment_id": ids.encode("pay", payment.id),
        "bill_id": ids.encode("bil", payment.bill_id),
        "order_id": ids.encode("ord", payment.order_id),
        "method": payment.method,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "payment_intent_id": payment.payment_intent_id,
        "livemode": payment.livemode,
        "device_id": None if payment.device_id is None else ids.encode("dev", payment.device_id),
    }


def _base(row: StoreModel, prefix: str) -> dict[str, Any]:
    return {
        "aggregate_id": ids.encode(prefix, row.pk),
        "psp_id": row.psp_id,
        "merchant_id": row.merchant_id,
        "store_id": row.store_id,
    }


def _tell(order: Order, payment: Payment, told: Sequence[NewDeviceEvent], *, now: dt.datetime) -> None:
    devices: list[uuid.UUID | None] = [order.device_id, payment.device_id]
    append_device_events(device_ids=devices, owner=order, events=told, now=now)


def _order_event(order: Order) -> NewDeviceEvent:
    return NewDeviceEvent(type="order.updated", data=_plain(views.order_view(order, None)))


def _bill_event(bill: Bill) -> NewDeviceEvent:
    return NewDeviceEvent(type="bill.updated", data=_plain(views.bill_view(bill, None)))


def _payment_event(kind: str, payment: Payment) -> NewDeviceEvent:
    return NewDeviceEvent(type=kind, data=_plain(views.payment_view(payment)))


def _plain(view: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(view)
    return plain
