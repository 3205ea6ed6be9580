"""The bank's own books and the gateway's ..."""

import datetime as dt

import pytest

from kernel import clock
from kernel.money import Money
from mpac.pgw import api
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.conftest import AMOUNT

LONG_AGO = dt.timedelta(minutes=3)


class Books:
    """The bank's books as the simulator shows them, filled from what the fake provider knows."""

    def __init__(self, gateway, opened_at) -> None:
        self.gateway, self.opened_at = gateway, opened_at

    def shown(self, *, paid_at=None, **planted):
        return [
            {
                "provider": "fake",
                "reference": key,
                "provider_reference": payment.reference,
                "amount": payment.amount.amount_minor,
                "currency": payment.amount.currency,
                "status": "paid",
                "created_at": self.opened_at.isoformat(),
                "paid_at": (paid_at or clock.now()).isoformat(),
                **planted,
            }
            for key, payments in self.gateway.provider.payments.items()
            for payment in payments
        ]

    def differences(self, **planted):
        return api.bank_differences(charges=self.shown(**planted), refunds=[])


@pytest.fixture
def books(gateway, now):
    return Books(gateway, now - dt.timedelta(seconds=1))


@pytest.fixture
def paid(gateway):
    """A sale that the bank and the gateway have booked."""
    intent = gateway.shown()
    gateway.pay(intent)
    resolve_due_attempts(now=gateway.later(60))
    assert gateway.intent(intent).status == "succeeded"
    return intent


def test_agree_on_a_sale(books, paid):
    assert books.differences() == []


def test_agree_on_a_charge_that_was_held_under_a_longer_reference(books, paid):
    [charge] = books.shown()
    assert books.differences(reference=f"{charge['reference']}-hold") == []


@pytest.mark.parametrize(
    "planted",
    [{"amount": 12551}, {"currency": "JPY"}, {"reference": "ANOTHER"}, {"provider_reference": "ANOTHER"}],
)
def test_differ_in_what_somebody_changed(books, paid, planted):
    assert books.differences(**planted) != []


def test_agree_on_held_money_under_the_reference_of_its_capture(books, paid):
    [shown] = books.shown()
    hold = {"reference": f"{shown['reference']}-hold", "provider_reference": "HOLD"}
    assert books.differences(**hold, paid_as=shown["provider_reference"]) == []
    assert books.differences(**hold, paid_as="ANOTHER") != []


def test_differ_in_a_payment_that_the_bank_does_not_know(books, paid):
    [difference] = books.differences(status="pending", provider_reference=None)
    assert difference[2:4] == (None, None)
    assert difference[5] == AMOUNT.amount_minor


def test_agree_on_what_was_before_the_bank_opened_its_books(books, paid):
    assert api.bank_differences(charges=[], refunds=[]) == []
    books.opened_at = clock.now() + dt.timedelta(seconds=1)
    assert books.differences(status="pending", provider_reference=None) == []


def test_differ_in_money_that_nobody_asks_about(books, paid, gateway):
    gateway.provider.pay("UNKNOWNKEY", Money(100, "THB"))
    [difference] = books.differences()
    assert difference[2:] == ("UNKNOWNKEY", 100, None, None)


def test_may_differ_in_a_payment_of_this_moment_but_not_for_long(books, gateway):
    gateway.pay(gateway.shown())
    assert books.differences() == []
    assert len(books.differences(paid_at=clock.now() - LONG_AGO)) == 1
