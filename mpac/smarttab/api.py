"""What other contexts may ask of smarttab.

Nothing below smarttab needs it, and what is above (reporting, sync) learns from its events; what stands here is read.
"""

import uuid

from kernel.invariants import Invariant
from kernel.tenancy import TenantScope
from mpac.smarttab.db import atomic
from mpac.smarttab.dto import BillView, OrderView, PaymentView
from mpac.smarttab.errors import NotFound
from mpac.smarttab.selectors import orders, views
from mpac.smarttab.selectors.invariants import list_invariants

__all__ = [
    "BillView",
    "NotFound",
    "OrderView",
    "PaymentView",
    "get_bill",
    "get_order",
    "get_payment",
    "invariants",
]


def get_order(*, scope: TenantScope, order_id: uuid.UUID) -> OrderView:
    """Return an order with its items. Raises NotFound."""
    with atomic(scope):
        order = orders.get_order(order_id)
        return views.order_view(order, orders.list_lines(order.id, revision=order.revision))


def get_bill(*, scope: TenantScope, bill_id: uuid.UUID) -> BillView:
    """Return a bill with its lines. Raises NotFound."""
    with atomic(scope):
        bill = orders.get_bill(bill_id)
        return views.bill_view(bill, orders.list_lines(bill.order_id, revision=bill.order_revision))


def get_payment(*, scope: TenantScope, payment_id: uuid.UUID) -> PaymentView:
    """Return a payment. Raises NotFound."""
    with atomic(scope):
        return views.payment_view(orders.get_payment(payment_id))


def invariants() -> list[Invariant]:
    """Queries for rows that must not exist."""
    return list_invariants()
