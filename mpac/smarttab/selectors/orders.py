"""Reading orders, their lines and the draft they were computed from."""

import datetime as dt
import uuid
from typing import Any, TypeVar

from django.db.models import QuerySet

from kernel import ids
from kernel.errors import NotFound
from kernel.models import StoreModel
from kernel.tenancy import TenantScope
from mpac.smarttab.db import db
from mpac.smarttab.domain.drafts import OrderDraft
from mpac.smarttab.domain.states import BillStatus, Channel
from mpac.smarttab.domain.totals import Line, Modifier, Portion
from mpac.smarttab.models import Bill, Order, OrderLine, Payment

M = TypeVar("M", bound=StoreModel)
FORGOTTEN = dt.timedelta(days=1)
OPEN_BILLS = """
    SELECT EXISTS (
        SELECT 1 FROM bills
        WHERE psp_id = %(psp_id)s AND merchant_id = coalesce(%(merchant_id)s, merchant_id)
          AND store_id = %(store_id)s AND status = %(open)s AND id >= %(lately)s
          AND (%(livemode)s::bool IS NULL OR livemode = %(livemode)s)
    )
"""


def get_order(order_id: uuid.UUID) -> Order:
    """Return one order. Raises NotFound."""
    return _get(Order, order_id)


def get_bill(bill_id: uuid.UUID) -> Bill:
    """Return one bill. Raises NotFound."""
    return _get(Bill, bill_id)


def get_payment(payment_id: uuid.UUID) -> Payment:
    """Return one payment. Raises NotFound."""
    return _get(Payment, payment_id)


def list_lines(order_id: uuid.UUID, *, revision: int) -> list[OrderLine]:
    """List the lines of one revision of an order, as they were entered."""
    return list(OrderLine.objects.filter(order_id=order_id, revision=revision).order_by("position"))


def list_orders(*, status: str | None = None, client_reference: str | None = None) -> "QuerySet[Order]":
    """Orders in scope, unordered; the caller pages."""
    rows: QuerySet[Order] = Order.objects.all()
    if status:
        rows = rows.filter(status=status)
    if client_reference:
        rows = rows.filter(client_reference=client_reference)
    return rows


def list_bills(*, status: str | None = None, order_id: uuid.UUID | None = None) -> "QuerySet[Bill]":
    """Bills in scope, unordered; the caller pages."""
    rows: QuerySet[Bill] = Bill.objects.all()
    if status:
        rows = rows.filter(status=status)
    if order_id:
        rows = rows.filter(order_id=order_id)
    return rows


def list_payments(*, status: str | None = None, bill_id: uuid.UUID | None = None) -> "QuerySet[Payment]":
    """Payments in scope, unordered; the caller pages."""
    rows: QuerySet[Payment] = Payment.objects.all()
    if status:
        rows = rows.filter(status=status)
    if bill_id:
        rows = rows.filter(bill_id=bill_id)
    return rows


def get_draft(order: Order) -> OrderDraft:
    """Return what the terminal asked for, from which the order's present totals follow."""
    details: dict[str, Any] = order.details
    return OrderDraft(
        currency=order.currency,
        channel=Channel(order.channel),
        lines=tuple(_line(row) for row in list_lines(order.id, revision=order.revision)),
        table_name=order.table_name,
        customer_id=order.customer_id,
        client_reference=order.client_reference,
        discounts=tuple(Portion(**each) for each in details["discounts"]),
        service_charge=Portion(**details["service_charge"]) if details["service_charge"] else None,
        service_charge_tax_code=details["service_charge_tax_code"],
        tip_minor=order.tip_minor,
    )


def _line(row: OrderLine) -> Line:
    return Line(
        name=row.name,
        unit_price_minor=row.unit_price_minor,
        quantity=row.quantity,
        sku=row.sku,
        product_id=row.product_id,
        tax_code=row.tax_code or None,
        modifiers=tuple(Modifier(**each) for each in row.modifiers),
        discount=Portion(**row.discount) if row.discount else None,
    )


def _get(model: type[M], pk: uuid.UUID) -> M:
    row: M | None = model.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


def has_open_bills(scope: TenantScope, store_id: int, now: dt.datetime) -> bool:
    """Whether a guest of the store is still to pay. What was left open for a day is forgotten rather than open."""
    values = {
        "psp_id": scope.psp_id,
        "merchant_id": scope.merchant_id,
        "store_id": store_id,
        "livemode": scope.livemode,
        "open": BillStatus.OPEN.value,
        "lately": ids.uuid7(at=now - FORGOTTEN),
    }
    ((found,),) = db.execute_alone(scope, OPEN_BILLS, values)
    return bool(found)
