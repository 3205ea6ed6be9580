"""A refund at a provider that has no call for it ..."""

import dataclasses
import datetime as dt

import pytest
from django.db import IntegrityError

from mpac.pgw.db import atomic
from mpac.pgw.errors import IllegalRefundTransition, ReferenceDiffers, SecondPersonNeeded
from mpac.pgw.models import LatePayment, Refund
from mpac.pgw.services.manual_refunds import Evidence, approve_refund, cancel_refund, file_evidence
from mpac.pgw.services.operation_resolution import resolve_due_refunds
from tests.pgw.conftest import SCOPE

pytestmark = pytest.mark.usefixtures("healthy")

SENT = Evidence(
    reference="TRANSFER-1",
    note="by SCB Easy, card 4242424242424242",
    sent_at=dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
)


@pytest.fixture
def refund(gateway, refunds):
    intent = gateway.shown()
    gateway.pay(intent)
    gateway.probe(intent)
    return refunds.give(intent, 5000, requested_by="person:1")


@pytest.fixture
def act(gateway, refund):
    def run(action, person, **more):
        return action(scope=SCOPE, refund_id=refund.pk, person=person, now=gateway.now, **more)

    return run


def test_waits_for_people_with_its_amount_reserved(gateway, refund, refunds, events):
    assert (refund.status, refund.manual, refund.next_probe_at) == ("pending", True, None)
    assert refunds.sums(refund.intent) == (5000, 0)
    assert resolve_due_refunds(now=gateway.later(10**6)) == 0
    assert events(refund.intent)[-1] == "refund_created"


def test_is_done_when_one_person_has_sent_it_and_another_agrees(act, refund, refunds, events):
    act(file_evidence, "person:2", evidence=SENT)
    done = act(approve_refund, "person:3", reference="TRANSFER-1")
    assert (done.status, done.provider_reference, done.approved_by) == ("completed", "TRANSFER-1", "person:3")
    assert refunds.sums(refund.intent) == (0, 5000)
    assert events(refund.intent)[-1] == "refund_completed"


def test_may_be_sent_by_who_asked_for_it(act):
    act(file_evidence, "person:1", evidence=SENT)
    assert act(approve_refund, "person:2", reference="TRANSFER-1").status == "completed"


@pytest.mark.parametrize("person", ["person:1", "person:2"])
def test_is_not_agreed_to_by_who_asked_for_it_or_sent_it(act, refund, refunds, person):
    act(file_evidence, "person:2", evidence=SENT)
    with pytest.raises(SecondPersonNeeded):
        act(approve_refund, person, reference="TRANSFER-1")
    assert refunds.get(refund).status == "pending"


def test_is_not_agreed_to_when_other_evidence_was_filed_meanwhile(act, refund, refunds):
    act(file_evidence, "person:2", evidence=SENT)
    act(file_evidence, "person:2", evidence=dataclasses.replace(SENT, reference="TRANSFER-2"))
    with pytest.raises(ReferenceDiffers):
        act(approve_refund, "person:3", reference="TRANSFER-1")
    assert refunds.get(refund).status == "pending"
    assert act(approve_refund, "person:3", reference=" TRANSFER-2 ").provider_reference == "TRANSFER-2"


def test_needs_evidence(act):
    with pytest.raises(IllegalRefundTransition):
        act(approve_refund, "person:2", reference="TRANSFER-1")


def test_keeps_no_card_number_in_its_evidence(act, refund, refunds):
    act(file_evidence, "person:2", evidence=SENT)
    assert "4242" not in str(refunds.get(refund).evidence)


def test_needs_two_people_in_plain_sql_too(act, refund):
    act(file_evidence, "person:2", evidence=SENT)
    for approved_by in (None, "person:1", "person:2"):
        with pytest.raises(IntegrityError, match="refunds_two_people"), atomic(SCOPE):
            Refund.objects.filter(pk=refund.pk).update(status="completed", approved_by=approved_by)


def test_is_called_off_before_it_is_sent_and_frees_its_amount(act, refund, refunds, events):
    assert act(cancel_refund, "person:2").status == "cancelled"
    assert refunds.sums(refund.intent) == (0, 0)
    assert events(refund.intent)[-1] == "refund_cancelled"
    with pytest.raises(IllegalRefundTransition):
        act(file_evidence, "person:2", evidence=SENT)


def test_is_not_called_off_after_it_was_sent(act):
    act(file_evidence, "person:2", evidence=SENT)
    with pytest.raises(IllegalRefundTransition):
        act(cancel_refund, "person:2")


def test_of_late_money_cannot_be_called_off(gateway, refunds):
    intent = gateway.shown()
    for _ in range(2):
        gateway.pay(intent)
    gateway.probe(intent)
    [refund] = refunds.all()
    assert (refund.status, refund.manual) == ("pending", True)
    act = {"scope": SCOPE, "refund_id": refund.pk, "now": gateway.now}
    with pytest.raises(IllegalRefundTransition):
        cancel_refund(person="person:1", **act)

    file_evidence(person="person:1", evidence=SENT, **act)
    approve_refund(person="person:2", reference="TRANSFER-1", **act)
    with atomic(SCOPE):
        assert LatePayment.objects.get().status == "returned"
