"""Taking cash."""

from mpac.smarttab.domain.states import PaymentMethod
from mpac.smarttab.services import bills, orders, payments
from mpac.smarttab.services.payments import Tender
from tests.smarttab.conftest import draft


def test_cash_pays_the_bill_and_gives_change(caller, now):
    order = orders.create_order(caller=caller, draft=draft(6000, 6000, 2550), idempotency_key="a", now=now)
    _, bill = bills.create_bill(caller=caller, order_id=order.id, idempotency_key="b", now=now)
    tender = Tender(method=PaymentMethod.CASH, amount_minor=14550, tendered_minor=20000)
    payment = payments.take_cash_payment(caller=caller, bill_id=bill.id, tender=tender, idempotency_key="c", now=now)
    assert payment.status == "completed"
    assert payment.change_minor == 5450
