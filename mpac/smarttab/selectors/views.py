"""Stored rows as the objects of the API. Used by answers and by device events alike, so that both say the same."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET

from kernel import clock, ids
from mpac.smarttab import dto
from mpac.smarttab.models import Bill, DeviceEvent, Order, OrderLine, Payment


def order_view(order: Order, lines: Sequence[OrderLine] | None) -> dto.OrderView:
    """Show an order; without `lines`, as device events show it."""
    details: dict[str, Any] = order.details
    return dto.OrderView(
        id=ids.encode("ord", order.id),
        created_at=clock.rfc3339(order.created_at),
        updated_at=clock.rfc3339(order.updated_at),
        number=str(order.number),
        business_date=order.business_date.isoformat(),
        merchant_id=order.merchant_id,
        store_id=order.store_id,
        device_id=_typeid("dev", order.device_id),
        status=order.status,
        payment_state=order.payment_state.value,
        channel=order.channel,
        table=order.table_name or None,
        customer_id=_typeid("cus", order.customer_id),
        client_reference=order.client_reference or None,
        currency=order.currency,
        discounts=[_portion(each) for each in details["discounts"]],
        service_charge=_portion(details["service_charge"]) if details["service_charge"] else None,
        subtotal=order.subtotal_minor,
        discount_total=order.discount_minor,
        service_charge_total=order.service_charge_minor,
        tip=order.tip_minor,
        tax_total=order.tax_minor,
        taxes=[dto.TaxView(**each) for each in details["taxes"]],
        total=order.total_minor,
        amount_paid=order.paid_minor,
        amount_refunded=order.refunded_minor,
        version=order.version,
        items=UNSET if lines is None else _items(lines),
    )


def bill_view(bill: Bill, lines: Sequence[OrderLine] | None) -> dto.BillView:
    """Show a bill; without `lines`, as device events show it."""
    return dto.BillView(
        id=ids.encode("bil", bill.id),
        created_at=clock.rfc3339(bill.created_at),
        updated_at=clock.rfc3339(bill.updated_at),
        number=bill.number,
        order_id=ids.encode("ord", bill.order_id),
        merchant_id=bill.merchant_id,
        store_id=bill.store_id,
        status=bill.status,
        currency=bill.currency,
        total=bill.total_minor,
        amount_paid=bill.paid_minor,
        amount_pending=bill.reserved_minor,
        amount_due=bill.due_minor,
        closed_at=_instant(bill.closed_at),
        voided_at=_instant(bill.voided_at),
        version=bill.version,
        lines=UNSET if lines is None else _items(lines),
    )


def payment_view(payment: Payment) -> dto.PaymentView:
    """Show a payment."""
    failure = None
    if payment.failure_code:
        failure = dto.FailureView(code=payment.failure_code, message=payment.failure_message)
    return dto.PaymentView(
        id=ids.encode("pay", payment.id),
        created_at=clock.rfc3339(payment.created_at),
        updated_at=clock.rfc3339(payment.updated_at),
        bill_id=ids.encode("bil", payment.bill_id),
        order_id=ids.encode("ord", payment.order_id),
        merchant_id=payment.merchant_id,
        store_id=payment.store_id,
        device_id=_typeid("dev", payment.device_id),
        method=payment.method,
        provider=payment.provider or None,
        status=payment.status,
        amount=payment.amount_minor,
        amount_refunded=payment.refunded_minor,
        currency=payment.currency,
        tendered=payment.tendered_minor,
        change=payment.change_minor,
        payment_intent_id=payment.payment_intent_id,
        next_action=payment.next_action,
        failure=failure,
        livemode=payment.livemode,
        completed_at=_instant(payment.completed_at),
        version=payment.version,
    )


def sale_view(order: Order, bill: Bill, payment: Payment, lines: Sequence[OrderLine]) -> dto.SaleView:
    """Show order, bill and payment of one sale."""
    return dto.SaleView(
        id=ids.encode("ord", order.id),
        created_at=clock.rfc3339(order.created_at),
        order=order_view(order, lines),
        bill=bill_view(bill, lines),
        payment=payment_view(payment),
    )


def logged_event(event: DeviceEvent) -> dto.LoggedEvent:
    """Show one entry of a device's log, as it is pushed and as it is read."""
    return dto.LoggedEvent(
        seq=event.seq,
        event=dto.DeviceEventBody(
            id=ids.encode("evt", event.id),
            type=event.type,
            created_at=clock.rfc3339(event.created_at),
            data=event.data,
        ),
    )


def _items(lines: Iterable[OrderLine]) -> list[dto.OrderItemView]:
    return [
        dto.OrderItemView(
            name=line.name,
            sku=line.sku or None,
            product_id=line.product_id or None,
            quantity=line.quantity,
            unit_price=line.unit_price_minor,
            tax_code=line.tax_code or None,
            modifiers=[
                dto.ModifierView(name=each["name"], price=each["price_minor"], quantity=each["quantity"])
                for each in line.modifiers
            ],
            discount=_portion(line.discount) if line.discount else None,
            discount_total=line.discount_minor,
            total=line.total_minor,
        )
        for line in lines
    ]


def _portion(stored: dict[str, Any]) -> dto.PortionView:
    return dto.PortionView(
        amount=stored["amount_minor"], basis_points=stored["basis_points"], name=stored["name"]
    )


def _typeid(prefix: str, value: uuid.UUID | None) -> str | None:
    return None if value is None else ids.encode(prefix, value)


def _instant(value: dt.datetime | None) -> str | None:
    return None if value is None else clock.rfc3339(value)
