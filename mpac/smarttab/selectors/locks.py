"""Row locks, all of them, in one order: order, bill, payment, then device streams by id.

Whatever changes a bill or a payment locks the order first, so two changes of one sale wait for each other
instead of deadlocking. Call these inside a scoped transaction only.
"""

import uuid
from typing import TypeVar

from kernel.errors import NotFound
from kernel.models import StoreModel
from mpac.smarttab.models import Bill, Order, Payment

M = TypeVar("M", bound=StoreModel)


def lock_order(order_id: uuid.UUID) -> Order:
    """Lock one order and return it fresh. Raises NotFound."""
    return _lock(Order, pk=order_id)


def lock_bill(bill_id: uuid.UUID) -> tuple[Order, Bill]:
    """Lock a bill, its order first, and return both fresh. Raises NotFound."""
    order = _lock(Order, pk__in=Bill.objects.filter(pk=bill_id).values("order_id"))
    return order, _lock(Bill, pk=bill_id)


def lock_payment(payment_id: uuid.UUID) -> tuple[Order, Bill, Payment]:
    """Lock a payment, its order and bill first, and return all three fresh. Raises NotFound."""
    parents = Payment.objects.filter(pk=payment_id)
    order = _lock(Order, pk__in=parents.values("order_id"))
    bill = _lock(Bill, pk__in=parents.values("bill_id"))
    return order, bill, _lock(Payment, pk=payment_id)


def _lock(model: type[M], **which: object) -> M:
    row: M | None = model.objects.select_for_update().filter(**which).first()
    if row is None:
        raise NotFound
    return row
