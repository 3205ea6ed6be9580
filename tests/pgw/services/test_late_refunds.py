"""Late money that is not due ..."""

import pytest

from kernel.money import Money
from mpac.pgw.adapters.port import Declined
from mpac.pgw.db import atomic
from mpac.pgw.models import LatePayment
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.late_money import return_late
from mpac.pgw.services.operation_resolution import resolve_due_refunds
from mpac.pgw.services.refund_truth import apply_refund_truth
from tests.pgw.conftest import SCOPE
from tests.pgw.doubles import answers

pytestmark = pytest.mark.usefixtures("healthy")


@pytest.fixture
def provider(refunding):
    return refunding


def late() -> LatePayment:
    with atomic(SCOPE):
        return LatePayment.objects.get()


def paid_twice(gateway):
    intent = gateway.shown()
    for _ in range(2):
        gateway.pay(intent)
    gateway.probe(intent)
    return intent


def test_goes_back_by_itself(gateway, provider, refunds, events):
    intent = paid_twice(gateway)
    [refund] = refunds.all()
    assert (refund.status, refund.reason, refund.payment_reference) == (
        "processing",
        "late_payment",
        "BANK000002",
    )
    resolve_due_refunds(now=gateway.now)

    assert (refunds.get(refund).status, late().status) == ("completed", "returned")
    assert provider.given_back() == 12550
    assert events(intent)[-3:] == ["late_payment_return_due", "refund_created", "refund_completed"]


def test_counts_nothing_on_the_intent(gateway, refunds):
    intent = paid_twice(gateway)
    resolve_due_refunds(now=gateway.now)
    assert refunds.sums(intent) == (0, 0)
    assert refunds.give(intent).amount_minor == 12550


@pytest.mark.parametrize("amount", [Money(1, "THB"), Money(12551, "THB")])
def test_goes_back_in_its_own_amount(gateway, provider, refunds, amount):
    intent = gateway.shown()
    gateway.pay(intent, amount=amount)
    gateway.probe(intent)
    resolve_due_refunds(now=gateway.now)
    assert [request.amount for request in provider.refunded] == [amount]


def test_goes_back_when_its_bill_is_gone(gateway, provider, refunds):
    intent = gateway.shown()
    cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
    gateway.pay(intent)
    gateway.probe(intent)
    assert refunds.all() == []

    return_late(scope=SCOPE, intent_id=intent.pk, reason="bill is paid", now=gateway.now)
    resolve_due_refunds(now=gateway.now)
    assert (late().status, provider.given_back()) == ("returned", 12550)


def test_of_a_partners_cancelled_intent_goes_back(gateway, provider):
    intent = gateway.shown(source="api")
    cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
    gateway.pay(intent)
    gateway.probe(intent)
    resolve_due_refunds(now=gateway.now)
    assert (late().status, provider.given_back()) == ("returned", 12550)


def test_whose_refund_failed_is_sent_again_on_demand(gateway, provider, refunds):
    provider.on_refund.append(answers(Declined(code="no", message="")))
    intent = paid_twice(gateway)
    resolve_due_refunds(now=gateway.now)
    [failed] = refunds.all()
    assert (failed.status, late().status) == ("failed", "return_due")

    again = refunds.give(intent, retry_of=failed.pk)
    resolve_due_refunds(now=gateway.now)
    assert (refunds.get(again).status, late().status, provider.given_back()) == (
        "completed",
        "returned",
        12550,
    )


def test_that_comes_back_has_to_go_again(gateway, provider, refunds):
    intent = paid_twice(gateway)
    resolve_due_refunds(now=gateway.now)
    [refund] = refunds.all()
    apply_refund_truth(
        scope=SCOPE,
        refund_id=refund.pk,
        outcome=provider.return_refund(refund.operation_key),
        learned_from=LearnedFrom.WEBHOOK,
        now=gateway.now,
    )
    assert late().status == "return_due"
    refunds.give(intent, retry_of=refund.pk)
    resolve_due_refunds(now=gateway.now)
    assert (late().status, provider.given_back()) == ("returned", 12550)


def test_never_goes_back_twice(gateway, provider, refunds):
    paid_twice(gateway)
    for _ in range(3):
        resolve_due_refunds(now=gateway.later(60))
    assert (len(provider.refunded), len(refunds.all())) == (1, 1)
