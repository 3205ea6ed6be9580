"""The bank's own books of refunds and the gateway's ..."""

import datetime as dt

import pytest

from kernel import clock
from mpac.pgw import api
from mpac.pgw.db import atomic
from mpac.pgw.models import Refund
from tests.pgw.conftest import SCOPE
from tests.pgw.doubles import TIMEOUT, answers

LONG_AGO = dt.timedelta(minutes=3)


class Books:
    """The bank's books as the simulator shows them, made from what the fake provider did."""

    def __init__(self, attempt, opened_at) -> None:
        self._attempt, self._opened_at = attempt, opened_at

    def charges(self):
        return [
            {
                "provider": "fake",
                "reference": self._attempt.provider_key,
                "provider_reference": self._attempt.provider_reference,
                "amount": self._attempt.captured_minor,
                "currency": self._attempt.currency,
                "status": "paid",
                "created_at": self._opened_at.isoformat(),
                "paid_at": clock.now().isoformat(),
            }
        ]

    def given(self, **planted):
        with atomic(SCOPE):
            found = list(Refund.objects.all())
        return [
            {
                "provider": "fake",
                "charge_reference": self._attempt.provider_key,
                "amount": refund.amount_minor,
                "status": "done",
                "created_at": clock.now().isoformat(),
                **planted,
            }
            for refund in found
        ]

    def differences(self, refunds):
        return api.bank_differences(charges=self.charges(), refunds=refunds)


@pytest.fixture
def provider(refunding):
    return refunding


@pytest.fixture
def paid(gateway):
    intent = gateway.shown()
    gateway.pay(intent)
    gateway.probe(intent)
    return intent


@pytest.fixture
def books(gateway, paid, now):
    return Books(gateway.attempt(paid), now - dt.timedelta(seconds=1))


@pytest.fixture
def given(refunds, paid):
    return [refunds.give(paid, amount) for amount in (2550, 1000)]


def test_agree(books, given):
    assert books.differences(books.given()) == []


@pytest.mark.parametrize(
    "planted", [{"amount": 1}, {"status": "pending"}, {"status": "reversed"}, {"charge_reference": "OTHER"}]
)
def test_differ_in_what_somebody_changed(books, given, planted):
    assert books.differences(books.given(**planted)) != []


def test_differ_in_what_one_of_them_does_not_know(books, given):
    assert [row[2:] for row in books.differences([])] == [(None, 3550)]
    strange = [*books.given(), {**books.given()[0], "charge_reference": "STRANGE", "amount": 7}]
    assert [row[1:] for row in books.differences(strange)] == [("STRANGE", 7, None)]


def test_may_differ_in_a_refund_of_this_moment_but_not_for_long(books, paid, refunds, provider):
    provider.on_refund.append(answers(TIMEOUT))
    refunds.give(paid, 2550)
    assert books.differences(books.given()) == []
    assert len(books.differences(books.given(created_at=(clock.now() - LONG_AGO).isoformat()))) == 1


def test_leave_out_what_people_sent_themselves(books, given, superuser):
    with superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute("UPDATE pgw.refunds SET provider = 'manual'")
    assert books.differences([]) == []
