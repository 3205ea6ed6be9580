"""What two people say about an attempt whose provider does not, such as a bank transfer ..."""

import dataclasses
import datetime as dt
from functools import partial

import psycopg
import pytest

from kernel.errors import NotFound
from kernel.money import Money
from mpac.pgw.adapters.manual.adapter import ManualAdapter
from mpac.pgw.adapters.port import ActionRequired, NotProcessed, Pending, ProviderAccount
from mpac.pgw.db import atomic
from mpac.pgw.domain.evidence import Verdict
from mpac.pgw.dto import StoreSnapshot
from mpac.pgw.errors import (
    EvidenceDecided,
    EvidenceWaits,
    NothingToSettle,
    ReferenceDiffers,
    SecondPersonNeeded,
    WebhookRefused,
)
from mpac.pgw.models import AttemptEvidence, LatePayment
from mpac.pgw.services.attempt_evidence import Finding, agree_to_evidence, propose_evidence, refuse_evidence
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.inbound import Delivery, receive_webhook
from mpac.pgw.services.mirroring import apply_merchant_snapshot
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.adapters.wire import charge_with
from tests.pgw.conftest import AMOUNT, OTHER_SCOPE, SCOPE, provider_config, snapshot
from tests.pgw.crowd import Crowd
from tests.pgw.doubles import TIMEOUT, answers

pytestmark = pytest.mark.usefixtures("healthy")

CAME = Finding(
    verdict=Verdict.PAID,
    reference="SLIP-1",
    amount=AMOUNT,
    happened_at=dt.datetime(2026, 11, 21, 4, tzinfo=dt.UTC),
    note="seen in SCB Business Anywhere, card 4242424242424242",
)
NONE_CAME = dataclasses.replace(CAME, verdict=Verdict.NOT_PAID, reference="CASE-1")
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
def show(gateway):
    def run(intent, finding=CAME, *, person="person:1", scope=SCOPE):
        attempt = gateway.attempt(intent)
        return propose_evidence(scope=scope, attempt_id=attempt.pk, finding=finding, person=person)

    return run


@pytest.fixture
def agree(gateway):
    def run(evidence, person="person:2", *, reference="SLIP-1", scope=SCOPE):
        facts = {"evidence_id": evidence.pk, "reference": reference, "person": person, "now": gateway.now}
        return agree_to_evidence(scope=scope, **facts)

    return run


@pytest.fixture
def unknown(gateway):
    """An attempt whose provider did not answer, and cannot be reached."""
    gateway.provider.on_create.append(answers(TIMEOUT))
    gateway.provider.on_probe.extend([answers(TIMEOUT)] * 50)
    intent = gateway.shown()
    assert gateway.attempt(intent).status == "unknown"
    return intent


def evidence_of(**which):
    with atomic(SCOPE):
        return AttemptEvidence.objects.get(**which)


def test_is_asked_for_under_our_key(gateway, intent):
    assert (intent.status, intent.next_action["type"]) == ("requires_action", "bank_transfer")
    assert intent.next_action["reference"] == gateway.attempt(intent).provider_key
    assert intent.next_action["amount"] == "125.50"


def test_is_taken_when_one_person_shows_it_and_another_agrees(gateway, show, agree, intent, events):
    evidence = show(intent)
    assert gateway.intent(intent).status == "requires_action"
    assert agree(evidence).status == "succeeded"
    assert gateway.intent(intent).captured_minor == AMOUNT.amount_minor
    assert events(intent)[-1] == "payment_intent_succeeded"
    kept = evidence_of()
    assert (kept.status, kept.proposed_by, kept.decided_by) == ("agreed", "person:1", "person:2")


def test_is_kept_without_card_numbers(show, intent):
    show(intent)
    assert "4242424242424242" not in evidence_of().note


def test_is_not_agreed_to_by_whoever_showed_it(gateway, show, agree, intent):
    evidence = show(intent)
    with pytest.raises(SecondPersonNeeded):
        agree(evidence, "person:1")
    assert (gateway.intent(intent).status, evidence_of().status) == ("requires_action", "proposed")


@pytest.mark.parametrize(
    "changes",
    [
        "status = 'agreed', decided_by = 'person:1', decided_at = now()",
        "status = 'agreed'",
        "status = 'agreed', decided_by = 'person:2'",
        "decided_by = 'person:2', decided_at = now()",
        "reference = ''",
        "amount_minor = 0",
    ],
)
def test_is_watched_over_by_the_database(show, intent, superuser, changes):
    show(intent)
    with pytest.raises(psycopg.errors.CheckViolation):
        superuser.execute(f"UPDATE pgw.attempt_evidence SET {changes}")


def test_needs_the_second_person_to_have_seen_the_same(gateway, show, agree, intent):
    evidence = show(intent)
    with pytest.raises(ReferenceDiffers):
        agree(evidence, reference="SLIP-2")
    assert gateway.intent(intent).captured_minor == 0
    assert agree(evidence, reference=" SLIP-1 ").status == "succeeded"


def test_is_shown_once_at_a_time(show, agree, intent, gateway):
    evidence = show(intent)
    with pytest.raises(EvidenceWaits):
        show(intent, person="person:2")
    refuse_evidence(
        scope=SCOPE, evidence_id=evidence.pk, note="wrong slip", person="person:1", now=gateway.now
    )
    with pytest.raises(EvidenceDecided):
        agree(evidence)
    with pytest.raises(EvidenceDecided):
        refuse_evidence(scope=SCOPE, evidence_id=evidence.pk, note="x", person="person:2", now=gateway.now)
    agree(show(intent))
    assert gateway.intent(intent).status == "succeeded"


def test_counts_once_however_often_it_is_agreed_to(gateway, show, agree, intent, events):
    evidence = show(intent)
    for _ in range(2):
        agree(evidence)
    with pytest.raises(EvidenceDecided):
        agree(evidence, "person:3")
    assert gateway.intent(intent).captured_minor == AMOUNT.amount_minor
    assert events(intent).count("payment_intent_succeeded") == 1


def test_counts_once_however_often_it_is_shown(gateway, show, agree, intent):
    agree(show(intent))
    agree(show(intent))
    with atomic(SCOPE):
        assert not LatePayment.objects.exists()
    assert gateway.intent(intent).captured_minor == AMOUNT.amount_minor


def test_of_another_sum_is_late_money(gateway, show, agree, intent):
    agree(show(intent, dataclasses.replace(CAME, amount=Money(100, "THB"))))
    with atomic(SCOPE):
        assert [late.amount_minor for late in LatePayment.objects.all()] == [100]
    assert gateway.intent(intent).captured_minor == 0


def test_may_come_after_its_intent_was_called_off(gateway, show, agree, intent):
    cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
    resolve_due_attempts(now=gateway.later(60))
    assert gateway.intent(intent).status == "cancelled"
    agree(show(intent))
    with atomic(SCOPE):
        assert LatePayment.objects.count() == 1


def test_is_nobody_elses(gateway, show, agree, intent):
    evidence = show(intent)
    with pytest.raises(NotFound):
        show(intent, scope=OTHER_SCOPE)
    with pytest.raises(NotFound):
        agree(evidence, scope=OTHER_SCOPE)
    with pytest.raises(NotFound):
        refuse_evidence(
            scope=OTHER_SCOPE, evidence_id=evidence.pk, note="x", person="person:2", now=gateway.now
        )


def test_is_no_way_round_a_provider_that_can_speak(gateway, show, intent):
    with pytest.raises(NothingToSettle):
        show(gateway.shown(provider="fake"))
    with pytest.raises(NothingToSettle):
        show(intent, NONE_CAME)


def test_settles_what_stays_unknown(gateway, show, agree, unknown):
    assert agree(show(unknown)).status == "succeeded"
    assert (gateway.attempt(unknown).status, gateway.intent(unknown).captured_minor) == (
        "captured",
        AMOUNT.amount_minor,
    )


def test_counts_with_what_the_provider_says_later(gateway, show, agree, unknown):
    gateway.provider.pay(gateway.attempt(unknown).provider_key, AMOUNT, reference="SLIP-1")
    agree(show(unknown))
    gateway.provider.on_probe.clear()
    gateway.probe(unknown)
    with atomic(SCOPE):
        assert not LatePayment.objects.exists()
    assert gateway.intent(unknown).captured_minor == AMOUNT.amount_minor


def test_may_be_that_no_money_came(gateway, show, agree, unknown):
    agree(show(unknown, NONE_CAME), reference="CASE-1")
    assert (gateway.attempt(unknown).status, gateway.attempt(unknown).error_code) == (
        "declined",
        "settled_by_people",
    )
    gateway.pay(unknown)
    gateway.provider.on_probe.clear()
    gateway.probe(unknown)
    assert gateway.attempt(unknown).status == "captured"


def test_is_too_late_when_the_provider_has_spoken(gateway, show, agree, unknown):
    evidence = show(unknown, NONE_CAME)
    gateway.pay(unknown)
    gateway.provider.on_probe.clear()
    assert gateway.probe(unknown).status == "succeeded"
    with pytest.raises(NothingToSettle):
        agree(evidence, reference="CASE-1")
    assert (gateway.intent(unknown).status, evidence_of().status) == ("succeeded", "proposed")


def test_is_shown_agreed_to_and_refused_once_at_the_same_instant(gateway, show, agree, unknown, events):
    with Crowd(3) as crowd:
        shown = crowd.at_once([partial(show, unknown, person=f"person:{number}") for number in range(3)])
        [evidence] = [each for each in shown if isinstance(each, AttemptEvidence)]
        assert [type(each) for each in shown].count(EvidenceWaits) == 2
        other = partial(
            refuse_evidence,
            scope=SCOPE,
            evidence_id=evidence.pk,
            note="x",
            person="person:9",
            now=gateway.now,
        )
        crowd.at_once([partial(agree, evidence, "person:7"), partial(agree, evidence, "person:8"), other])
    kept, captured = evidence_of(), gateway.intent(unknown).captured_minor
    assert (kept.status == "agreed") is (captured == AMOUNT.amount_minor)
    assert (kept.status == "refused") is (captured == 0)
    assert events(unknown).count("payment_intent_succeeded") == (kept.status == "agreed")


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
