"""Every provider that gives money back, and every one that does not ..."""

import dataclasses

import pytest

from kernel.money import Money
from mpac.pgw.adapters.port import (
    Accepted,
    ByHand,
    Declined,
    Done,
    NeverHeard,
    NotProcessed,
    RefundSupport,
    Reversed,
    Unknown,
)
from tests.pgw.adapters.contract import LOST, in_hurry, listed, refund_of, units, ways
from tests.pgw.adapters.kits import KITS

GIVING = ways(KITS, lambda kit, _way: kit.capabilities.refund is not RefundSupport.NONE)
GIVING_ASKED = [each for each in GIVING if each.values[0].capabilities.probe]
PARTLY = [each for each in GIVING_ASKED if each.values[0].capabilities.refund is RefundSupport.PARTIAL]
WAITING = [each for each in GIVING_ASKED if each.values[0].refunds_wait]
RETURNING = [each for each in GIVING_ASKED if each.values[0].refunds_come_back]
WITHOUT = listed(KITS, lambda can: can.refund is RefundSupport.NONE)


def given(stage):
    """What the provider gave back: our key, the amount in its units, and whether it is done."""
    return [(each["reference"], each["amount"], each["status"]) for each in stage.books("refunds")]


def hurried(refund, behaviour):
    return dataclasses.replace(refund, charge=in_hurry(refund.charge, behaviour))


@pytest.mark.parametrize(("kit", "way"), GIVING_ASKED)
def test_gives_all_back_once(stage, way):
    refund = refund_of(stage.pay(stage.charge(way)))
    assert stage.adapter.probe_refund(refund) == NeverHeard()
    done = stage.adapter.refund(refund)
    assert isinstance(done, Done)
    assert done.amount == way.amount
    assert stage.adapter.refund(refund) == done
    for reference in (None, done.reference):
        assert stage.adapter.probe_refund(dataclasses.replace(refund, provider_reference=reference)) == done
    assert given(stage) == [(refund.operation_key, units(way.amount, stage.kit), "done")]
    [booked] = stage.books("refunds")
    assert booked["payment_reference"] == refund.payment_reference
    assert booked["provider_reference"] == done.reference


@pytest.mark.parametrize(("kit", "way"), PARTLY)
def test_gives_parts_back_and_never_more_than_it_took(stage, way):
    request = stage.pay(stage.charge(way))
    parts = [refund_of(request, amount=Money(5000, way.amount.currency)) for _ in range(2)]
    assert [type(stage.adapter.refund(part)) for part in parts] == [Done, Done]
    assert len({stage.adapter.probe_refund(part).reference for part in parts}) == 2
    beyond = stage.adapter.refund(refund_of(request, amount=Money(5000, way.amount.currency)))
    assert isinstance(beyond, Declined | NotProcessed)
    rest = refund_of(request, amount=Money(2550, way.amount.currency))
    assert isinstance(stage.adapter.refund(rest), Done)
    assert isinstance(stage.adapter.refund(refund_of(request, amount=rest.amount)), Declined | NotProcessed)
    assert sum(amount for _, amount, _ in given(stage)) == units(way.amount, stage.kit)


@pytest.mark.parametrize("behaviour", LOST)
@pytest.mark.parametrize(("kit", "way"), GIVING_ASKED)
def test_finds_out_what_became_of_a_refund_whose_answer_was_lost(stage, way, behaviour):
    refund = refund_of(stage.pay(stage.charge(way)))
    stage.script("refund", behaviour)
    assert isinstance(stage.adapter.refund(hurried(refund, behaviour)), Unknown)
    found = stage.adapter.probe_refund(refund)
    assert isinstance(found, NeverHeard if behaviour == "hang_before" else Done)
    assert isinstance(stage.adapter.refund(refund), Done)
    assert given(stage) == [(refund.operation_key, units(way.amount, stage.kit), "done")]


@pytest.mark.parametrize("behaviour", [*LOST, "decline"])
@pytest.mark.parametrize(("kit", "way"), GIVING_ASKED)
def test_learns_nothing_about_a_refund_from_a_lost_answer(stage, way, behaviour):
    refund = refund_of(stage.pay(stage.charge(way)))
    done = stage.adapter.refund(refund)
    for asked in (refund, dataclasses.replace(refund, provider_reference=done.reference)):
        stage.script("probe", behaviour)
        assert isinstance(stage.adapter.probe_refund(hurried(asked, behaviour)), Unknown)


@pytest.mark.parametrize(("kit", "way"), GIVING_ASKED)
def test_gives_back_once_after_a_lie(stage, way):
    refund = refund_of(stage.pay(stage.charge(way)))
    done = stage.adapter.refund(refund)
    stage.script("probe", "lie_pending")
    assert isinstance(stage.adapter.probe_refund(refund), NeverHeard | Accepted | Unknown)
    assert stage.adapter.refund(refund) == done
    assert len(given(stage)) == 1


@pytest.mark.parametrize(("kit", "way"), WAITING)
def test_waits_for_a_refund_that_takes_its_time(stage, way):
    refund = refund_of(stage.pay(stage.charge(way)))
    stage.running.may_go_on.clear()
    stage.script("refund", "late_success")
    accepted = stage.adapter.refund(refund)
    assert isinstance(accepted, Accepted)
    later = dataclasses.replace(refund, provider_reference=accepted.reference)
    for asked in (refund, later):
        assert isinstance(stage.adapter.probe_refund(asked), Accepted)
    stage.running.may_go_on.set()
    stage.settle()
    for asked in (refund, later):
        assert isinstance(stage.adapter.probe_refund(asked), Done)


@pytest.mark.parametrize(("kit", "way"), GIVING)
def test_tells_that_a_refund_was_refused(stage, way):
    refund = refund_of(stage.pay(stage.charge(way)))
    stage.script("refund", "decline")
    assert isinstance(stage.adapter.refund(refund), ByHand | Declined | NotProcessed)
    assert given(stage) == []


@pytest.mark.parametrize(("kit", "way"), RETURNING)
def test_tells_that_a_refund_came_back(stage, way):
    refund = refund_of(stage.pay(stage.charge(way)))
    done = stage.adapter.refund(refund)
    body = {"provider": stage.kit.name, "provider_reference": done.reference}
    assert stage.running.http.post("/__return", json=body).status_code == 200
    for asked in (refund, dataclasses.replace(refund, provider_reference=done.reference)):
        outcome = stage.adapter.probe_refund(asked)
        assert isinstance(outcome, Reversed)
        assert outcome.reference == done.reference


@pytest.mark.parametrize(("kit", "way"), GIVING)
def test_gives_nothing_back_where_nobody_is(stage, way):
    refund = refund_of(stage.pay(stage.charge(way)))
    setattr(stage.settings, stage.kit.setting, "http://127.0.0.1:1")
    assert isinstance(stage.adapter.refund(refund), NotProcessed)
    assert isinstance(stage.adapter.probe_refund(refund), Unknown)


@pytest.mark.parametrize("kit", WITHOUT)
def test_gives_nothing_back_when_it_cannot(stage):
    refund = refund_of(stage.pay(stage.charge()))
    assert isinstance(stage.adapter.refund(refund), NotProcessed)
    assert isinstance(stage.adapter.probe_refund(refund), NotProcessed)
