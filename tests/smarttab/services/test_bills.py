"""Opening and voiding bills."""

import pytest

from kernel.errors import NotFound
from mpac.smarttab.db import atomic, db
from mpac.smarttab.errors import BillHasPayments, IllegalTransition, NothingDue, OpenBillExists
from mpac.smarttab.models import Bill, Order
from mpac.smarttab.services import bills, orders
from tests.smarttab.conftest import draft, open_bill, pay_cash


def test_a_bill_asks_for_what_the_order_costs_and_submits_it(caller, now):
    order = orders.create_order(caller=caller, draft=draft(14550), idempotency_key=None, now=now)
    order, bill = bills.create_bill(caller=caller, order_id=order.id, idempotency_key="k", now=now)
    assert (bill.status, bill.total_minor, bill.due_minor, bill.currency) == ("open", 14550, 14550, "THB")
    assert (bill.number, order.status) == ("1-1", "open")


def test_an_order_has_one_open_bill(caller, now):
    bill = open_bill(caller, 100, now=now)
    with pytest.raises(OpenBillExists):
        bills.create_bill(caller=caller, order_id=bill.order_id, idempotency_key=None, now=now)


def test_a_voided_bill_makes_room_for_the_next(caller, now):
    bill = open_bill(caller, 100, now=now)
    assert bills.void_bill(caller=caller, bill_id=bill.id, now=now).status == "voided"
    _, second = bills.create_bill(caller=caller, order_id=bill.order_id, idempotency_key=None, now=now)
    assert second.number == "1-2"
    with pytest.raises(IllegalTransition):
        bills.void_bill(caller=caller, bill_id=bill.id, now=now)


def test_a_bill_with_money_is_not_voided(caller, now):
    bill = open_bill(caller, 100, now=now)
    pay_cash(caller, bill, 40, now=now)
    with pytest.raises(BillHasPayments):
        bills.void_bill(caller=caller, bill_id=bill.id, now=now)


def test_a_paid_order_has_nothing_left_to_bill(caller, now):
    bill = open_bill(caller, 100, now=now)
    pay_cash(caller, bill, 100, now=now)
    with pytest.raises(NothingDue):
        bills.create_bill(caller=caller, order_id=bill.order_id, idempotency_key=None, now=now)


def test_a_bill_over_nothing_is_closed_at_once(caller, now):
    bill = open_bill(caller, 0, now=now)
    assert bill.status == "closed"
    with atomic(caller.scope):
        assert Order.objects.get().payment_state == "paid"


def test_a_cancelled_order_is_not_billed(caller, now):
    order = orders.create_order(caller=caller, draft=draft(100), idempotency_key=None, now=now)
    orders.cancel_order(caller=caller, order_id=order.id, now=now)
    with pytest.raises(IllegalTransition):
        bills.create_bill(caller=caller, order_id=order.id, idempotency_key=None, now=now)


def test_another_tenants_bill_is_missing(shop, other_shop, now):
    bill = open_bill(shop.caller(), 100, now=now)
    with pytest.raises(NotFound):
        bills.void_bill(caller=other_shop.caller(), bill_id=bill.id, now=now)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE bills SET paid_minor = 60, reserved_minor = 41", "bill_never_overpaid"),
        ("UPDATE bills SET reserved_minor = -1", "bill_never_overpaid"),
        ("UPDATE bills SET status = 'closed'", "bill_status_fits_money"),
        ("UPDATE bills SET status = 'voided', paid_minor = 1", "bill_status_fits_money"),
    ],
)
def test_the_bills_own_row_refuses_more_than_is_due(caller, now, statement, message):
    open_bill(caller, 100, now=now)
    with pytest.raises(Exception, match=message), atomic(caller.scope):
        db.execute(statement)


def test_a_closed_bill_stays_closed_even_by_hand(caller, now):
    bill = open_bill(caller, 100, now=now)
    pay_cash(caller, bill, 100, now=now)
    with pytest.raises(Exception, match="not a legal transition"), atomic(caller.scope):
        db.execute("UPDATE bills SET status = 'open'")
    with atomic(caller.scope):
        assert Bill.objects.get().status == "closed"
