"""Every provider that can hold money, and every one that cannot ..."""

import dataclasses

import pytest

from kernel.money import Money
from mpac.pgw.adapters.port import (
    Approved,
    Authorized,
    Declined,
    Done,
    NeverHeard,
    NotProcessed,
    Unknown,
    Voided,
)
from tests.pgw.adapters.contract import LOST, capture_of, in_hurry, known, listed, units, ways
from tests.pgw.adapters.kits import KITS

HOLDING = ways(KITS, lambda _kit, way: way.holds)
HOLDING_AT_ONCE = ways(KITS, lambda _kit, way: way.holds and way.token is not None)
HOLDING_ASKED = ways(KITS, lambda kit, way: way.holds and kit.capabilities.probe)
PARTLY = ways(
    KITS, lambda kit, way: way.holds and kit.capabilities.partial_capture and kit.capabilities.probe
)
UNHOLDING = ways(KITS, lambda _kit, way: not way.holds)
WITHOUT_CAPTURE = listed(KITS, lambda can: not can.manual_capture)
WITHOUT_VOID = listed(KITS, lambda can: not can.void)


def held(stage, way):
    """A charge whose money is held."""
    request = stage.charge(way, capture=False)
    outcome = stage.charged(request)
    assert isinstance(outcome, Authorized), outcome
    return known(request, outcome)


def state(stage):
    return [(charge["status"], charge["amount"]) for charge in stage.books()]


@pytest.mark.parametrize(("kit", "way"), HOLDING)
def test_holds_the_money(stage, way):
    assert stage.can.manual_capture
    request = stage.charge(way, capture=False)
    outcome = stage.charged(request)
    assert isinstance(outcome, Authorized)
    assert outcome.amount == way.amount
    for asked in stage.asked(known(request, outcome)) if stage.can.probe else ():
        assert stage.adapter.probe(asked) == outcome
    assert state(stage) == [("authorized", units(way.amount, stage.kit))]


@pytest.mark.parametrize("behaviour", LOST)
@pytest.mark.parametrize(("kit", "way"), HOLDING_AT_ONCE)
def test_finds_out_whether_the_money_is_held(stage, way, behaviour):
    request = stage.charge(way, capture=False)
    stage.script("create", behaviour)
    assert isinstance(stage.adapter.create(in_hurry(request, behaviour)), Unknown)
    assert isinstance(stage.learn(request), Authorized)
    assert len(stage.books()) == 1


@pytest.mark.parametrize(("kit", "way"), HOLDING_ASKED)
def test_takes_held_money_once(stage, way):
    capture = capture_of(held(stage, way))
    assert stage.adapter.probe_capture(capture) == NeverHeard()
    done = stage.adapter.capture(capture)
    assert isinstance(done, Done)
    assert done.amount == way.amount
    assert stage.adapter.capture(capture) == done
    assert stage.adapter.probe_capture(capture) == done
    assert state(stage) == [("paid", units(way.amount, stage.kit))]


@pytest.mark.parametrize(("kit", "way"), HOLDING_ASKED)
def test_tells_the_same_of_a_captured_charge_when_asked_about_the_charge(stage, way):
    request = held(stage, way)
    done = stage.adapter.capture(capture_of(request))
    found = stage.adapter.probe(request)
    assert isinstance(found, Approved)
    assert [(each.reference, each.amount) for each in found.payments] == [(done.reference, done.amount)]


@pytest.mark.parametrize(("kit", "way"), PARTLY)
def test_takes_a_part_and_lets_the_rest_go(stage, way):
    part = Money(5000, way.amount.currency)
    capture = capture_of(held(stage, way), amount=part)
    done = stage.adapter.capture(capture)
    assert isinstance(done, Done)
    assert done.amount == part
    assert state(stage) == [("paid", units(part, stage.kit))]
    if not stage.can.multiple_capture:
        again = stage.adapter.capture(capture_of(capture.charge, amount=part))
        assert isinstance(again, NotProcessed | Declined | Done)
        assert state(stage) == [("paid", units(part, stage.kit))]


@pytest.mark.parametrize(("kit", "way"), PARTLY)
def test_captures_in_several_steps_only_where_it_says_so(stage, way):
    capture = capture_of(held(stage, way), amount=Money(5000, way.amount.currency), final=False)
    outcome = stage.adapter.capture(capture)
    assert isinstance(outcome, Done if stage.can.multiple_capture else NotProcessed)


@pytest.mark.parametrize(("kit", "way"), HOLDING_ASKED)
def test_takes_no_more_than_is_held(stage, way):
    more = Money(way.amount.amount_minor + 100, way.amount.currency)
    outcome = stage.adapter.capture(capture_of(held(stage, way), amount=more))
    assert isinstance(outcome, NotProcessed | Declined)
    assert [status for status, _ in state(stage)] == ["authorized"]


@pytest.mark.parametrize("behaviour", LOST)
@pytest.mark.parametrize(("kit", "way"), HOLDING_ASKED)
def test_finds_out_what_became_of_a_capture_whose_answer_was_lost(stage, way, behaviour):
    capture = capture_of(held(stage, way))
    stage.script("capture", behaviour)
    hurried = dataclasses.replace(capture, charge=in_hurry(capture.charge, behaviour))
    assert isinstance(stage.adapter.capture(hurried), Unknown)
    found = stage.adapter.probe_capture(capture)
    assert isinstance(found, NeverHeard if behaviour == "hang_before" else Done)
    assert isinstance(stage.adapter.capture(capture), Done)
    assert state(stage) == [("paid", units(way.amount, stage.kit))]


@pytest.mark.parametrize("behaviour", [*LOST, "decline"])
@pytest.mark.parametrize(("kit", "way"), HOLDING_ASKED)
def test_learns_nothing_about_a_capture_from_a_lost_answer(stage, way, behaviour):
    capture = capture_of(held(stage, way))
    stage.adapter.capture(capture)
    stage.script("probe", behaviour)
    hurried = dataclasses.replace(capture, charge=in_hurry(capture.charge, behaviour))
    assert isinstance(stage.adapter.probe_capture(hurried), Unknown)


@pytest.mark.parametrize(("kit", "way"), HOLDING_ASKED)
def test_captures_once_after_a_lie(stage, way):
    capture = capture_of(held(stage, way))
    done = stage.adapter.capture(capture)
    stage.script("probe", "lie_pending")
    assert isinstance(stage.adapter.probe_capture(capture), NeverHeard | Unknown)
    assert stage.adapter.capture(capture) == done
    assert state(stage) == [("paid", units(way.amount, stage.kit))]


@pytest.mark.parametrize(("kit", "way"), HOLDING)
def test_tells_that_a_capture_was_refused(stage, way):
    capture = capture_of(held(stage, way))
    stage.script("capture", "decline")
    assert isinstance(stage.adapter.capture(capture), Declined | NotProcessed)
    assert [status for status, _ in state(stage)] == ["authorized"]


@pytest.mark.parametrize(("kit", "way"), HOLDING_ASKED)
def test_lets_held_money_go_as_often_as_it_is_told(stage, way):
    assert stage.can.void
    request = held(stage, way)
    assert stage.adapter.void(request) == Voided()
    assert stage.adapter.void(request) == Voided()
    assert stage.adapter.probe(request) == Voided()
    assert [status for status, _ in state(stage)] == ["voided"]


@pytest.mark.parametrize("behaviour", LOST)
@pytest.mark.parametrize(("kit", "way"), HOLDING_ASKED)
def test_lets_held_money_go_after_a_lost_answer(stage, way, behaviour):
    request = held(stage, way)
    stage.script("void", behaviour)
    assert isinstance(stage.adapter.void(in_hurry(request, behaviour)), Unknown)
    assert stage.adapter.void(request) == Voided()


@pytest.mark.parametrize(("kit", "way"), HOLDING)
def test_is_not_sure_that_money_is_let_go_when_the_provider_refuses(stage, way):
    request = held(stage, way)
    stage.script("void", "decline")
    assert isinstance(stage.adapter.void(request), Authorized | Unknown)
    assert [status for status, _ in state(stage)] == ["authorized"]


@pytest.mark.parametrize(("kit", "way"), HOLDING_ASKED)
def test_lets_no_money_go_that_was_taken(stage, way):
    request = held(stage, way)
    stage.adapter.capture(capture_of(request))
    assert isinstance(stage.adapter.void(request), Approved)
    assert [status for status, _ in state(stage)] == ["paid"]


@pytest.mark.parametrize(("kit", "way"), HOLDING_ASKED)
def test_takes_no_money_that_was_let_go(stage, way):
    capture = capture_of(held(stage, way))
    stage.adapter.void(capture.charge)
    assert isinstance(stage.adapter.capture(capture), Declined | NotProcessed)
    assert isinstance(stage.adapter.probe_capture(capture), Declined)


@pytest.mark.parametrize(("kit", "way"), HOLDING)
def test_captures_nothing_where_nobody_is(stage, way):
    request = held(stage, way)
    setattr(stage.settings, stage.kit.setting, "http://127.0.0.1:1")
    assert isinstance(stage.adapter.capture(capture_of(request)), NotProcessed)
    assert isinstance(stage.adapter.probe_capture(capture_of(request)), Unknown)
    assert isinstance(stage.adapter.void(request), Unknown)


@pytest.mark.parametrize(("kit", "way"), UNHOLDING)
def test_holds_nothing_in_a_way_that_takes_at_once(stage, way):
    if stage.can.manual_capture:
        assert isinstance(stage.adapter.create(stage.charge(way, capture=False)), NotProcessed)
        assert stage.books() == []


@pytest.mark.parametrize("kit", WITHOUT_CAPTURE)
def test_captures_nothing_when_it_cannot(stage):
    capture = capture_of(stage.charge())
    assert isinstance(stage.adapter.capture(capture), NotProcessed)
    assert isinstance(stage.adapter.probe_capture(capture), NotProcessed)


@pytest.mark.parametrize("kit", WITHOUT_VOID)
def test_lets_nothing_go_when_it_cannot(stage):
    assert isinstance(stage.adapter.void(stage.charge()), NotProcessed)
