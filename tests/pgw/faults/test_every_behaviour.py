"""Whatever a provider does, and to which call, within two minutes ...

Each test is one way of paying and one thing that a caller wants, once for each behaviour of the simulator. With
`MPAC_TEST_BEHAVIOURS=all` that is every one of them; else a quarter, a different one for each way and each wish, so that every
behaviour meets every wish. `manual` has nobody to behave: what people testify is in `services/test_attempt_evidence.py`.
"""

import os
from collections.abc import Callable

import pytest

from mpac.pgw import api
from simulator.scripts import Behaviour
from tests.pgw.adapters.kits import KITS
from tests.pgw.faults import lives
from tests.pgw.faults.lives import UNASKED, Life, Offer

pytestmark = pytest.mark.usefixtures("healthy")

OFFERS = [
    Offer(kit=kit, way=way, held=held)
    for kit in KITS.values()
    for way in kit.ways
    for held in (False, True)
    if way.holds or not held
]
TAKEN = [pytest.param(offer, id=str(offer)) for offer in OFFERS if not offer.held]
HELD = [pytest.param(offer, id=str(offer)) for offer in OFFERS if offer.held]
SHOWN = [pytest.param(offer, id=str(offer)) for offer in OFFERS if offer.is_shown and not offer.held]
AT_ONCE = [pytest.param(offer, id=str(offer)) for offer in OFFERS if not offer.is_shown and not offer.held]
LONG_AGO = "2020-01-01T00:00:00Z"
EVERY = [str(behaviour) for behaviour in Behaviour]
STRIDE = 1 if os.environ.get("MPAC_TEST_BEHAVIOURS") == "all" else 4
WISHES = [lives.create, lives.confirm, lives.capture, lives.cancel, lives.refund]


def behaviours(offer: Offer, live: Callable[[Life], None]) -> list[str]:
    """Those that are tried for this way of paying and this wish."""
    return EVERY[(OFFERS.index(offer) + WISHES.index(live)) % STRIDE :: STRIDE]


def ends(
    world, offer, live: Callable[[Life], None], *, untold: frozenset[str] = frozenset(), **more
) -> dict[str, list]:
    """How the life went under each behaviour: the intent's last state, and what is not as the provider's books say."""
    found, charges, refunds = {}, [], []
    for behaviour in behaviours(offer, live):
        life = Life(world=world, offer=offer, behaviour=behaviour, **more)
        live(life)
        if offer.kit.name == UNASKED and behaviour in untold:
            assert life.differences(), "it needs not be told"
            life.hear_at_last()
        found[behaviour] = [life.status, *life.differences()]
        books = world.town.books()
        charges += [{**each, "paid_at": LONG_AGO} for each in books["charges"]]
        refunds += books["refunds"]
    assert api.bank_differences(charges=charges, refunds=refunds) == []
    assert world.gateway.refused == []
    return found


@pytest.mark.parametrize("offer", TAKEN)
def test_a_sale_ends_paid_when_all_calls_from_the_first_on_go_badly(world, offer):
    found = ends(world, offer, lives.create)
    assert found == {key: ["succeeded"] for key in found}


@pytest.mark.parametrize("offer", TAKEN)
def test_a_sale_ends_paid_when_its_charge_goes_badly(world, offer):
    found = ends(world, offer, lives.confirm)
    assert found == {key: ["succeeded"] for key in found}


@pytest.mark.parametrize("offer", HELD)
def test_money_ends_held_when_its_charge_goes_badly(world, offer):
    found = ends(world, offer, lives.confirm)
    assert found == {key: ["requires_capture"] for key in found}


@pytest.mark.parametrize("offer", HELD)
def test_held_money_ends_captured_when_its_capture_goes_badly(world, offer):
    found = ends(world, offer, lives.capture, untold=frozenset({"no_webhook"}))
    assert found == {key: ["succeeded"] for key in found}


@pytest.mark.parametrize("offer", HELD)
def test_held_money_is_let_go_when_its_cancellation_goes_badly(world, offer):
    found = ends(world, offer, lives.cancel, untold=frozenset({"no_webhook"}))
    assert found == {key: ["cancelled"] for key in found}


@pytest.mark.parametrize("customer", ["pays first", "pays then"])
@pytest.mark.parametrize("offer", SHOWN)
def test_a_code_that_is_called_off_ends_paid_or_cancelled(world, offer, customer):
    found = ends(world, offer, lives.cancel, customer=customer)
    assert {each: end[1:] for each, end in found.items()} == {each: [] for each in found}
    assert {end[0] for end in found.values()} <= {"succeeded", "cancelled"}


@pytest.mark.parametrize("offer", AT_ONCE)
def test_a_charge_that_is_called_off_in_doubt_ends_paid_or_not(world, offer):
    found = ends(world, offer, lives.cancel)
    assert {each: end[1:] for each, end in found.items()} == {each: [] for each in found}
    assert {end[0] for end in found.values()} <= {"succeeded", "cancelled", "requires_payment_method"}
    assert found.get("hang_before", ["cancelled"]) == ["cancelled"], "the call never arrived"


@pytest.mark.parametrize("offer", TAKEN)
def test_money_ends_given_back_when_its_refund_goes_badly(world, offer):
    found = ends(world, offer, lives.refund, untold=frozenset({"no_webhook"}))
    assert found == {key: ["succeeded"] for key in found}
