"""A bank transfer that only people can speak for ..."""

import dataclasses
import datetime as dt

import pytest

from kernel.errors import NotFound
from kernel.money import Money
from mpac.pgw.adapters.manual.adapter import ManualAdapter
from mpac.pgw.adapters.port import ActionRequired, NotProcessed, Pending, ProviderAccount
from mpac.pgw.db import atomic
from mpac.pgw.dto import StoreSnapshot
from mpac.pgw.errors import SecondPersonNeeded, WebhookRefused
from mpac.pgw.models import LatePayment, PaymentTransaction
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.inbound import Delivery, receive_webhook
from mpac.pgw.services.manual_payments import Receipt, agree_to_receipt, file_receipt
from mpac.pgw.services.mirroring import apply_merchant_snapshot
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.adapters.wire import charge_with
from tests.pgw.conftest import AMOUNT, OTHER_SCOPE, SCOPE, provider_config, snapshot

pytestmark = pytest.mark.usefixtures("healthy")

CAME = Receipt(
    reference="SLIP-1",
    amount=AMOUNT,
    received_at=dt.datetime(2026, 11, 21, 4, tzinfo=dt.UTC),
    note="seen in SCB Business Anywhere, card 4242424242424242",
)
ACCOUNT = ProviderAccount(fields={"bank_name": "SCB", "account_number": "111-2-33333-4"}, credentials={})


@pytest.fixture
def intent(gateway, now):
    config = provider_config("manual", psp_id=1, merchant_id=11, store_id=111)
    store = StoreSnapshot(
        store_id=111, store_code="S111", name="Store", version=2, provider_configs=(config,)
    )
    apply_merchant_snapshot(snapshot(version=2, stores=(store,)), now=now)
    return gateway.shown(method="bank_transfer")


@pytest.fixture
def act(gateway, intent):
    def run(action, person, *, scope=SCOPE, **more):
        attempt = gateway.attempt(intent)
        if action is agree_to_receipt:
            more = {"reference": "SLIP-1", "now": gateway.now, **more}
        return action(scope=scope, attempt_id=attempt.pk, person=person, **more)

    return run


def test_is_asked_for_under_our_key(gateway, intent):
    assert (intent.status, intent.next_action["type"]) == ("requires_action", "bank_transfer")
    assert intent.next_action["reference"] == gateway.attempt(intent).provider_key
    assert intent.next_action["amount"] == "125.50"


def test_is_taken_when_one_person_shows_it_and_another_agrees(gateway, act, intent, events):
    act(file_receipt, "person:1", receipt=CAME)
    assert gateway.intent(intent).status == "requires_action"
    assert act(agree_to_receipt, "person:2").status == "succeeded"
    assert gateway.intent(intent).captured_minor == AMOUNT.amount_minor
    assert events(intent)[-1] == "payment_intent_succeeded"


def test_is_kept_as_it_was_shown_without_card_numbers(gateway, act, intent):
    act(file_receipt, "person:1", receipt=CAME)
    act(agree_to_receipt, "person:2")
    with atomic(SCOPE):
        said = list(PaymentTransaction.objects.filter(learned_from="person").order_by("pk"))
    assert [each.status for each in said] == ["evidence_filed", "evidence_agreed", "captured"]
    assert [each.details.get("person") for each in said[:2]] == ["person:1", "person:2"]
    assert "4242424242424242" not in said[0].details["note"]


def test_is_not_agreed_to_by_whoever_showed_it(gateway, act, intent):
    act(file_receipt, "person:1", receipt=CAME)
    act(file_receipt, "person:2", receipt=CAME)
    for person in ("person:1", "person:2"):
        with pytest.raises(SecondPersonNeeded):
            act(agree_to_receipt, person)
    assert gateway.intent(intent).status == "requires_action"
    assert act(agree_to_receipt, "person:3").status == "succeeded"


def test_needs_somebody_to_have_shown_that_very_transfer(act):
    with pytest.raises(NotFound):
        act(agree_to_receipt, "person:2")
    act(file_receipt, "person:1", receipt=CAME)
    with pytest.raises(NotFound):
        act(agree_to_receipt, "person:2", reference="SLIP-2")


def test_counts_once_however_often_it_is_agreed_to(gateway, act, intent, events):
    act(file_receipt, "person:1", receipt=CAME)
    for person in ("person:2", "person:2", "person:3"):
        act(agree_to_receipt, person)
    assert gateway.intent(intent).captured_minor == AMOUNT.amount_minor
    assert events(intent).count("payment_intent_succeeded") == 1


def test_of_another_sum_is_late_money(gateway, act, intent):
    act(file_receipt, "person:1", receipt=dataclasses.replace(CAME, amount=Money(100, "THB")))
    act(agree_to_receipt, "person:2")
    with atomic(SCOPE):
        assert [late.amount_minor for late in LatePayment.objects.all()] == [100]
    assert gateway.intent(intent).captured_minor == 0


def test_may_come_after_its_intent_was_called_off(gateway, act, intent):
    cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
    resolve_due_attempts(now=gateway.later(60))
    assert gateway.intent(intent).status == "cancelled"
    act(file_receipt, "person:1", receipt=CAME)
    act(agree_to_receipt, "person:2")
    with atomic(SCOPE):
        assert LatePayment.objects.count() == 1


def test_is_nobody_elses(act):
    with pytest.raises(NotFound):
        act(file_receipt, "person:1", receipt=CAME, scope=OTHER_SCOPE)


def test_is_no_way_round_a_provider_that_can_speak(gateway):
    attempt = gateway.attempt(gateway.shown())
    with pytest.raises(NotFound):
        file_receipt(scope=SCOPE, attempt_id=attempt.pk, receipt=CAME, person="person:1")


def test_is_told_of_by_no_notice(gateway, intent):
    with pytest.raises(WebhookRefused):
        receive_webhook(delivery=Delivery(provider="manual", headers={}, body=b"{}"), now=gateway.now)


def test_shows_the_customer_where_to_send_it():
    adapter, charge = ManualAdapter(), charge_with(ACCOUNT, method="bank_transfer")
    first = adapter.create(charge)
    assert isinstance(first, ActionRequired)
    assert first == adapter.create(charge)
    assert first.next_action == {
        "type": "bank_transfer",
        "reference": charge.provider_key,
        "amount": "125.50",
        "currency": "THB",
        "expires_at": "2026-11-21T05:10:00.000Z",
        "bank_name": "SCB",
        "account_number": "111-2-33333-4",
    }
    assert adapter.probe(charge) == Pending()


@pytest.mark.parametrize("changes", [{"method": "credit_card"}, {"capture": False}])
def test_is_no_card_and_holds_nothing(changes):
    charge = charge_with(ACCOUNT, **{"method": "bank_transfer", **changes})
    assert isinstance(ManualAdapter().create(charge), NotProcessed)
