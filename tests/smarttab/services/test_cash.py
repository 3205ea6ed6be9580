"""Taking cash."""

import concurrent.futures

import pytest
from django.db import connections

from kernel.errors import NotFound
from mpac.smarttab.db import atomic
from mpac.smarttab.domain.states import PaymentMethod
from mpac.smarttab.errors import (
    AmountExceedsDue,
    BillNotOpen,
    IdempotencyKeySpent,
    TenderedNotCash,
    TenderedTooLittle,
)
from mpac.smarttab.models import Bill, DeviceEvent, Order, OutboxMessage, Payment, StateChange
from mpac.smarttab.services.payments import Tender
from tests.smarttab.conftest import open_bill, pay_cash


def test_cash_pays_the_bill_and_gives_change(caller, now):
    bill = open_bill(caller, 14550, now=now)
    payment = pay_cash(caller, bill, 14550, tendered=20000, now=now)
    assert (payment.status, payment.captured_minor, payment.change_minor) == ("completed", 14550, 5450)
    with atomic(caller.scope):
        bill, order = Bill.objects.get(), Order.objects.get()
        assert (bill.status, bill.due_minor, bill.closed_at) == ("closed", 0, now)
        assert (order.payment_state, order.paid_minor) == ("paid", 14550)
        assert [(c.subject, c.from_status, c.to_status) for c in StateChange.objects.order_by("id")][-2:] == [
            ("bill", "open", "closed"),
            ("payment", "", "completed"),
        ]


def test_everyone_concerned_hears_of_it_in_order(caller, shop, now):
    bill = open_bill(caller, 100, now=now)
    cashier = shop.caller()
    payment = pay_cash(cashier, bill, 100, now=now)
    assert payment.device_id == cashier.device_id
    with atomic(caller.scope):
        for device, first in ((caller.device_id, 2), (cashier.device_id, 1)):
            told = list(DeviceEvent.objects.filter(device_id=device, seq__gte=first).order_by("seq"))
            assert [event.type for event in told] == ["payment.completed", "bill.updated", "order.updated"]
            assert [event.seq for event in told] == [first, first + 1, first + 2]
            assert told[0].data["status"] == "completed"
            assert told[1].data["status"] == "closed"
            assert told[2].data["payment_state"] == "paid"
        types = list(OutboxMessage.objects.order_by("position").values_list("type", flat=True))
    assert types[-3:] == ["smarttab.payment_completed", "smarttab.bill_updated", "smarttab.order_updated"]


def test_a_bill_may_be_paid_in_parts(caller, now):
    bill = open_bill(caller, 100, now=now)
    pay_cash(caller, bill, 60, now=now)
    with atomic(caller.scope):
        assert (Bill.objects.get().status, Order.objects.get().payment_state) == ("open", "partially_paid")
    pay_cash(caller, bill, 40, now=now)
    with atomic(caller.scope):
        assert (Bill.objects.get().status, Order.objects.get().payment_state) == ("closed", "paid")


def test_more_than_is_due_is_refused_and_changes_nothing(caller, now):
    bill = open_bill(caller, 100, now=now)
    with pytest.raises(AmountExceedsDue) as refused:
        pay_cash(caller, bill, 101, now=now)
    assert refused.value.extra == {"available": 100}
    with atomic(caller.scope):
        assert not Payment.objects.exists()
        assert Bill.objects.get().version == bill.version


def test_a_closed_bill_takes_no_more(caller, now):
    bill = open_bill(caller, 100, now=now)
    pay_cash(caller, bill, 100, now=now)
    with pytest.raises(BillNotOpen):
        pay_cash(caller, bill, 1, now=now)


def test_a_key_takes_cash_once(caller, now):
    bill = open_bill(caller, 100, now=now)
    pay_cash(caller, bill, 10, key="once", now=now)
    with pytest.raises(IdempotencyKeySpent):
        pay_cash(caller, bill, 10, key="once", now=now)
    with atomic(caller.scope):
        assert Bill.objects.get().paid_minor == 10


def test_less_than_the_amount_is_not_tendered():
    with pytest.raises(TenderedTooLittle):
        Tender(method=PaymentMethod.CASH, amount_minor=100, tendered_minor=99)


def test_only_cash_is_tendered():
    with pytest.raises(TenderedNotCash):
        Tender(method=PaymentMethod.QR_CODE, amount_minor=100, tendered_minor=100)


def test_another_tenants_bill_takes_no_cash(shop, other_shop, now):
    bill = open_bill(shop.caller(), 100, now=now)
    with pytest.raises(NotFound):
        pay_cash(other_shop.caller(), bill, 100, now=now)


def test_many_cashiers_never_take_more_than_is_due(caller, shop, now):
    bill = open_bill(caller, 100, now=now)

    def cashier(_number):
        try:
            return pay_cash(shop.caller(), bill, 30, now=now)
        except (AmountExceedsDue, BillNotOpen):
            return None
        finally:
            connections.close_all()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        taken = [payment for payment in pool.map(cashier, range(12)) if payment]
    assert len(taken) == 3
    with atomic(caller.scope):
        assert (Bill.objects.get().paid_minor, Order.objects.get().paid_minor) == (90, 90)
