"""Asking the guest for money: bills, and the one place that moves the money counters of bill and order.

Every change of a bill's money is one guarded UPDATE: it succeeds only while the bill is open and has room, payments
under way included, so no number of cashiers and terminals can take more than is due.
"""

import datetime as dt
import uuid
from typing import Any

from django.db.models import F
from django.db.models.expressions import Combinable

from kernel import ids
from mpac.smarttab.db import atomic
from mpac.smarttab.domain.states import BillStatus, OrderStatus
from mpac.smarttab.dto import Caller
from mpac.smarttab.errors import AmountExceedsDue, BillNotOpen, IllegalTransition, NothingDue, OpenBillExists
from mpac.smarttab.models import Bill, Order
from mpac.smarttab.selectors.locks import lock_bill, lock_order
from mpac.smarttab.services import announce
from mpac.smarttab.services.history import record
from mpac.smarttab.services.keys import one_effect_per_key
from mpac.smarttab.services.orders import submit_draft, void_open_bill


def create_bill(
    *, caller: Caller, order_id: uuid.UUID, idempotency_key: str | None, now: dt.datetime
) -> tuple[Order, Bill]:
    """Open a bill over what the order still owes; a draft is submitted with it.

    Raises NotFound, IllegalTransition (a cancelled order), OpenBillExists, NothingDue, IdempotencyKeySpent.
    """
    with atomic(caller.scope), one_effect_per_key():
        order = lock_order(order_id)
        bill = open_bill(order, caller=caller, idempotency_key=idempotency_key, now=now)
    return order, bill


def open_bill(order: Order, *, caller: Caller, idempotency_key: str | None, now: dt.datetime) -> Bill:
    """Open a bill over a locked order. A bill over nothing is closed at once."""
    if order.status == OrderStatus.CANCELLED.value:
        raise IllegalTransition(allowed=[])
    earlier = list(Bill.objects.filter(order=order).values_list("status", flat=True))
    if BillStatus.OPEN.value in earlier:
        raise OpenBillExists
    due = order.total_minor - order.paid_minor
    if due == 0 and BillStatus.CLOSED.value in earlier:
        raise NothingDue
    submitted = submit_draft(order, actor=caller.actor, now=now)
    status = BillStatus.OPEN if due else BillStatus.CLOSED
    bill = Bill(
        id=ids.uuid7(at=now),
        psp_id=order.psp_id,
        merchant_id=order.merchant_id,
        store_id=order.store_id,
        order=order,
        device_id=caller.device_id,
        number=f"{order.number}-{len(earlier) + 1}",
        order_revision=order.revision,
        status=status.value,
        currency=order.currency,
        total_minor=due,
        livemode=order.livemode,
        idempotency_key=idempotency_key,
        updated_at=now,
        closed_at=None if due else now,
    )
    bill.save(force_insert=True)
    record(bill, before="", after=bill.status, actor=caller.actor, now=now)
    announce.publish_bill(bill, now=now)
    if submitted:
        announce.announce_order(order, now=now)
    return bill


def void_bill(*, caller: Caller, bill_id: uuid.UUID, now: dt.datetime) -> Bill:
    """Withdraw a bill that took no money and waits for none. Raises NotFound, IllegalTransition, BillHasPayments."""
    with atomic(caller.scope):
        order, bill = lock_bill(bill_id)
        void_open_bill(bill, actor=caller.actor, now=now)
        announce.announce_bill(order, bill, now=now)
    return bill


def reserve(bill: Bill, amount_minor: int, *, now: dt.datetime) -> None:
    """Set an amount aside on a locked bill, for a payment under way. Raises BillNotOpen, AmountExceedsDue."""
    room = F("paid_minor") + F("reserved_minor") + amount_minor
    reserved = {"reserved_minor": bill.reserved_minor + amount_minor}
    if not _change(bill, now=now, room=room, changes=reserved):
        refuse(bill)


def release(bill: Bill, amount_minor: int, *, now: dt.datetime) -> None:
    """Give back what a locked bill had set aside for a payment that came to nothing."""
    room = F("paid_minor") + F("reserved_minor")
    if not _change(bill, now=now, room=room, changes={"reserved_minor": bill.reserved_minor - amount_minor}):
        refuse(bill)


def pay(order: Order, bill: Bill, amount_minor: int, *, reserved: bool, actor: str, now: dt.datetime) -> None:
    """Count money that came, set aside before or not; close the bill when nothing is due any more.

    Order and bill are locked. Raises BillNotOpen, AmountExceedsDue when it was not set aside and there is no room.
    """
    from_reserve = amount_minor if reserved else 0
    changes: dict[str, Any] = {
        "paid_minor": bill.paid_minor + amount_minor,
        "reserved_minor": bill.reserved_minor - from_reserve,
    }
    if changes["paid_minor"] == bill.total_minor:
        changes |= {"status": BillStatus.CLOSED.value, "closed_at": now}
    room = F("paid_minor") + F("reserved_minor") + amount_minor - from_reserve
    if not _change(bill, now=now, room=room, changes=changes):
        refuse(bill)
    if bill.status == BillStatus.CLOSED.value:
        record(bill, before=BillStatus.OPEN.value, after=bill.status, actor=actor, now=now)
    Order.objects.filter(pk=order.pk).update(
        paid_minor=F("paid_minor") + amount_minor, version=F("version") + 1, updated_at=now
    )
    order.paid_minor += amount_minor
    order.version += 1
    order.updated_at = now


def refuse(bill: Bill) -> None:
    """Say why a bill takes no such amount. Raises BillNotOpen or AmountExceedsDue."""
    bill.refresh_from_db()
    if bill.status != BillStatus.OPEN.value:
        raise BillNotOpen(bill_status=bill.status)
    raise AmountExceedsDue(available=bill.total_minor - bill.paid_minor - bill.reserved_minor)


def _change(bill: Bill, *, now: dt.datetime, room: Combinable, changes: dict[str, Any]) -> bool:
    """Change a bill in one guarded UPDATE: while it is open, as it was read, and `room` fits into its total."""
    changes |= {"version": bill.version + 1, "updated_at": now}
    guarded = Bill.objects.filter(
        pk=bill.pk, version=bill.version, status=BillStatus.OPEN.value, total_minor__gte=room
    )
    if not guarded.update(**changes):
        return False
    for name, value in changes.items():
        setattr(bill, name, value)
    return True
