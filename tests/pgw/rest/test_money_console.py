"""Money in the console ..."""

import re

import pytest
from django.urls import reverse

from kernel import clock
from kernel.ids import decode, encode
from kernel.tenancy import TenantScope
from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import Declined
from mpac.pgw.db import atomic
from mpac.pgw.models import Capture, PaymentAttempt, PaymentIntent, Refund
from mpac.pgw.services.asking import probe_attempt
from mpac.pgw.services.evidence import LearnedFrom
from mpac.portal.domain.roles import Role
from tests.pgw.doubles import TIMEOUT, FakeAdapter, HoldingAdapter, answers
from tests.portal.test_admin import make_person, sign_in

pytestmark = pytest.mark.usefixtures("healthy")

SENT = {"reference": "TRANSFER-1", "sent_at": "2026-11-21 10:00", "note": "by SCB Easy"}


@pytest.fixture
def provider(database):
    adapter = HoldingAdapter()
    registry.register(adapter)
    yield adapter
    registry._adapters.pop("fake")


@pytest.fixture
def by_hand(provider):
    """The same provider without a call for refunds."""
    provider.capabilities = FakeAdapter.capabilities
    return provider


@pytest.fixture
def intent(partner, provider):
    """A paid intent."""
    made = partner.created(confirm=True)
    found = only(PaymentAttempt, partner)
    provider.pay(found.provider_key, provider.created[-1].amount)
    probe_attempt(scope=partner.scope, attempt_id=found.pk, learned_from=LearnedFrom.PROBE, now=clock.now())
    return only(PaymentIntent, partner, pk=decode("pi", made["id"]))


@pytest.fixture
def held(partner):
    made = partner.created(confirm=True, capture_method="manual")
    return only(PaymentIntent, partner, pk=decode("pi", made["id"]))


def person(role=Role.PLATFORM_OPERATOR, **levels):
    return sign_in(*make_person(role, **levels))[0]


def only(model, partner, **which):
    with atomic(TenantScope(partner.tenant.psp.id)):
        return model.objects.get(**which)


def address(row, what):
    return reverse(f"admin:pgw_{row._meta.model_name}_{what}", args=[row.pk])


def once(client, row, what):
    """The key of a form."""
    page = client.get(address(row, what)).content.decode()
    return re.search(r'name="once" value="([^"]+)"', page)[1]


def act(client, row, what, **answers):
    return client.post(address(row, what), answers, follow=True).content.decode()


def test_goes_back_by_a_form_once_however_often_it_is_sent(partner, intent):
    operator = person()
    answers = {"amount": "1.50", "reason": "returned", "once": once(operator, intent, "refund")}
    for _ in range(2):
        assert "is completed" in act(operator, intent, "refund", **answers)
    refund = only(Refund, partner)
    assert (refund.amount_minor, refund.reason, refund.requested_by[:5]) == (150, "returned", "user:")


@pytest.mark.parametrize(
    ("amount", "said"),
    [("125.51", "more than was captured"), ("1.005", "finer fraction"), ("-1", "greater than or equal to 0")],
)
def test_goes_back_no_further_than_it_came(partner, intent, amount, said):
    operator = person()
    key = once(operator, intent, "refund")
    assert said in act(operator, intent, "refund", amount=amount, reason="x", once=key)
    with atomic(partner.scope):
        assert not Refund.objects.exists()


def test_that_did_not_arrive_goes_again(partner, intent, provider):
    operator = person()
    provider.on_refund.append(answers(Declined(code="no", message="")))
    assert "is failed" in act(operator, intent, "refund", reason="x", once=once(operator, intent, "refund"))
    failed = only(Refund, partner)
    again = act(operator, failed, "retry", reason="again", once=once(operator, failed, "retry"))
    assert "is completed" in again


def test_that_is_held_is_captured_or_let_go(partner, held, provider):
    operator = person()
    key = once(operator, held, "capture")
    assert "is requires capture" in act(operator, held, "capture", amount="50", once=key)
    assert only(Capture, partner).amount_minor == 5000
    assert "does not allow that" in act(operator, held, "cancel")

    other = only(PaymentIntent, partner, pk=decode("pi", partner.created()["id"]))
    assert "is cancelled" in act(operator, other, "cancel")


def test_that_people_send_takes_two_of_them(partner, intent, by_hand):
    first, second = person(), person(Role.PSP_ADMIN, psp_id=partner.tenant.psp.id)
    partner.post(f"/payment-intents/{encode('pi', intent.pk)}/refunds", {"reason": "x"})
    refund = only(Refund, partner)
    assert "does not allow that" in act(second, refund, "agree", reference="x")

    assert "Somebody else has to look at it" in act(first, refund, "evidence", **SENT)
    assert "Another person has to do this" in act(first, refund, "agree", reference=SENT["reference"])
    assert "not the reference that was shown" in act(second, refund, "agree", reference="x")
    assert "is completed" in act(second, refund, "agree", reference=SENT["reference"])


def test_that_nobody_sent_is_called_off(partner, intent, by_hand):
    operator = person()
    act(operator, intent, "refund", reason="x", once=once(operator, intent, "refund"))
    assert "is cancelled" in act(operator, only(Refund, partner), "call-off")


def test_whose_outcome_is_open_is_asked_about_on_demand(partner, intent, provider):
    operator = person()
    provider.on_refund.append(answers(TIMEOUT))
    act(operator, intent, "refund", reason="x", once=once(operator, intent, "refund"))
    refund = only(Refund, partner)
    assert "asked within seconds" in act(operator, refund, "ask")
    assert only(Refund, partner).next_probe_at < refund.next_probe_at
    assert "nothing left to ask" in act(operator, only(PaymentAttempt, partner), "ask")


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.MERCHANT_ADMIN])
def test_is_moved_by_those_who_may_alone(partner, intent, role):
    levels = {"psp_id": partner.tenant.psp.id, "merchant_id": partner.tenant.merchant.id}
    client = person(role, **levels)
    may = role is Role.MERCHANT_ADMIN
    assert client.get(address(intent, "refund")).status_code == (200 if may else 403)
    assert client.post(address(intent, "cancel")).status_code == (302 if may else 403)
    assert client.post(address(only(PaymentAttempt, partner), "ask")).status_code == 403


def test_of_others_is_not_there(intent, stranger):
    client = person(Role.PSP_ADMIN, psp_id=stranger.tenant.psp.id)
    assert client.post(address(intent, "cancel")).status_code in {403, 404}
