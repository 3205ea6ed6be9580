"""Every provider whose payers agree first, and every other ..."""

import pytest

from mpac.pgw.adapters.port import Agreed, Approved, Authorized, Declined, NotProcessed, Pending, Unknown
from tests.pgw.adapters.contract import LOST, Stage, Way, in_hurry, known, known_of, listed, units, ways
from tests.pgw.adapters.kits import KITS

AGREEING = ways(KITS, lambda kit, _way: kit.finishes)
OTHERS = [each for each in listed(KITS) if not each.values[0].finishes]


def agreed(stage: Stage, way: Way, **changes):
    """A charge that its payer has agreed to."""
    request = stage.charge(way, **changes)
    shown = known(request, stage.adapter.create(request))
    [charge] = stage.books()
    assert stage.running.pay(charge["qr_payload"]).status_code == 200
    stage.settle()
    return shown


@pytest.mark.parametrize(("kit", "way"), AGREEING)
def test_moves_nothing_until_it_is_told_to(stage, way):
    request = agreed(stage, way)
    assert stage.adapter.probe(request) == Agreed()
    assert stage.paid() == []


@pytest.mark.parametrize(("kit", "way"), AGREEING)
def test_proves_by_its_notice_that_the_payer_agreed(stage, way):
    request = agreed(stage, way)
    hint = stage.read(stage.deliveries.received[-1])
    assert (hint.state, hint.payments) == (Agreed(), ())
    assert (hint.provider_key, hint.provider_reference) == (request.provider_key, request.provider_reference)


@pytest.mark.parametrize(("kit", "way"), AGREEING)
def test_takes_the_money_once_however_often_it_is_told(stage, way):
    request = agreed(stage, way)
    first, second = stage.adapter.finish(request), stage.adapter.finish(request)
    assert isinstance(first, Approved)
    assert known_of(first) == known_of(second)
    [charge] = stage.paid()
    assert (charge["provider_reference"], charge["amount"]) == (known_of(first), units(way.amount, stage.kit))


@pytest.mark.parametrize(("kit", "way"), AGREEING)
def test_holds_the_money_where_that_is_wanted(stage, way):
    request = agreed(stage, way, capture=False)
    first, second = stage.adapter.finish(request), stage.adapter.finish(request)
    assert isinstance(first, Authorized)
    assert first == second
    assert stage.paid() == []


@pytest.mark.parametrize(("kit", "way"), AGREEING)
def test_takes_nothing_that_nobody_agreed_to(stage, way):
    request = stage.charge(way)
    shown = known(request, stage.adapter.create(request))
    assert stage.adapter.finish(shown) == Pending()
    assert isinstance(stage.adapter.finish(request), Unknown)
    assert stage.paid() == []


@pytest.mark.parametrize("behaviour", LOST)
@pytest.mark.parametrize(("kit", "way"), AGREEING)
def test_finds_out_what_became_of_it_when_the_answer_was_lost(stage, way, behaviour):
    request = agreed(stage, way)
    stage.script("finish", behaviour)
    assert isinstance(stage.adapter.finish(in_hurry(request, behaviour)), Unknown)
    found = stage.adapter.probe(request)
    assert isinstance(found, Agreed if behaviour == "hang_before" else Approved)
    assert isinstance(stage.adapter.finish(request), Approved)
    assert len(stage.paid()) == 1


@pytest.mark.parametrize(("kit", "way"), AGREEING)
def test_tells_that_the_payers_money_was_refused(stage, way):
    request = agreed(stage, way)
    stage.script("finish", "decline")
    assert isinstance(stage.adapter.finish(request), Declined)
    assert stage.paid() == []


@pytest.mark.parametrize(("kit", "way"), AGREEING)
def test_finishes_nothing_where_nobody_is(stage, way):
    request = agreed(stage, way)
    setattr(stage.settings, stage.kit.setting, "http://127.0.0.1:1")
    assert isinstance(stage.adapter.finish(request), NotProcessed)


@pytest.mark.parametrize("kit", OTHERS)
def test_has_nothing_to_finish(stage):
    assert isinstance(stage.adapter.finish(stage.charge()), NotProcessed)
    assert stage.books() == []
