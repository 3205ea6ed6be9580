"""Smarttab's invariants: silent on what the services do, loud on what nobody should."""

import pytest

from mpac.smarttab import api
from mpac.smarttab.services import gateway_payments, orders
from tests.smarttab.conftest import open_bill, pay_cash, start_qr


@pytest.fixture
def busy_day(caller, gateway, now):
    paid, part, waiting = (open_bill(caller, 100, now=now) for _ in range(3))
    pay_cash(caller, paid, 100, now=now)
    pay_cash(caller, part, 40, now=now)
    payment = start_qr(caller, waiting, 100, now=now)
    gateway_payments.finish_gateway_payment(scope=caller.scope, payment_id=payment.id, now=now)
    orders.cancel_order(caller=caller, order_id=open_bill(caller, 100, now=now).order_id, now=now)


def broken():
    return {invariant.name for invariant in api.invariants() if invariant.offending()}


def test_a_busy_day_breaks_none(busy_day):
    assert broken() == set()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (
            "UPDATE bills SET paid_minor = paid_minor + 1 WHERE paid_minor = 40",
            "a bill's sums are those of its payments",
        ),
        (
            "UPDATE bills SET reserved_minor = 1 WHERE paid_minor = 40",
            "a bill's sums are those of its payments",
        ),
        (
            "UPDATE orders SET paid_minor = 41 WHERE paid_minor = 40",
            "an order is paid as far as its bills are",
        ),
        ("UPDATE orders SET status = 'cancelled'", "every state was reached by a step of the history"),
        ("UPDATE device_streams SET head = head + 1", "every terminal's log is without gaps"),
        (
            "UPDATE payments SET payment_intent_id = NULL, started_at = now() - interval '6 minutes'",
            "no payment is under way without an intent",
        ),
    ],
)
def test_damage_is_named(busy_day, superuser, damage, named):
    superuser.execute("SET search_path = smarttab")
    superuser.execute(damage)
    assert named in broken()
