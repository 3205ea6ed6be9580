"""Captures over HTTP ..."""

import pytest

from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import Declined
from mpac.pgw.services.operation_resolution import resolve_due_captures
from tests.pgw.doubles import TIMEOUT, HoldingAdapter, answers

pytestmark = pytest.mark.usefixtures("healthy")


@pytest.fixture
def provider(database):
    adapter = HoldingAdapter()
    registry.register(adapter)
    yield adapter
    registry._adapters.pop("fake")


@pytest.fixture
def held(partner):
    """The path of an intent whose money is held."""
    intent = partner.created(confirm=True, capture_method="manual")
    assert (intent["status"], intent["amount_capturable"]) == ("requires_capture", 12550)
    return f"/payment-intents/{intent['id']}"


def sums(intent) -> list[int]:
    return [intent[f"amount_{name}"] for name in ("capturable", "received", "refunded")]


def test_take_everything_without_an_amount(partner, held):
    answer = partner.post(f"{held}/capture")
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert sums(answer.json()) == [0, 12550, 0]
    assert answer.json()["client_secret"].startswith("pi_")


def test_take_a_part_and_let_the_rest_go(partner, held):
    taken = partner.post(f"{held}/capture", {"amount": 50}).json()
    assert (taken["status"], sums(taken)) == ("succeeded", [0, 50, 0])
    [capture] = partner.get(f"{held}/captures").json()["data"]
    assert capture == {
        "id": capture["id"],
        "object": "capture",
        "created_at": capture["created_at"],
        "payment_intent_id": held.rpartition("/")[2],
        "status": "completed",
        "amount": 50,
        "currency": "THB",
        "final": True,
        "provider": "fake",
        "provider_reference": "TOOK000001",
        "last_error": None,
        "livemode": False,
    }


def test_take_one_part_after_the_other(partner, held):
    first = partner.post(f"{held}/capture", {"amount": 50, "final": False}).json()
    assert (first["status"], sums(first)) == ("requires_capture", [12500, 50, 0])
    second = partner.post(f"{held}/capture", {"amount": 100}).json()
    assert (second["status"], sums(second)) == ("succeeded", [0, 150, 0])
    steps = partner.get(f"{held}/events").json()["data"]
    assert len({step["capture_id"] for step in steps}) == 3


def test_beyond_the_hold_are_a_conflict_and_burn_no_key(partner, held):
    answer = partner.post(f"{held}/capture", {"amount": 12551}, key="K")
    assert (answer.status_code, answer.json()["code"]) == (409, "capture_exceeds_authorized")
    assert partner.post(f"{held}/capture", {"amount": 12550}, key="K").status_code == 200


@pytest.mark.parametrize("body", [{"amount": 0}, {"amount": "1"}, {"amount": 1.5}, {"final": 1}, {"x": 1}])
def test_that_are_malformed_are_refused(partner, held, body):
    assert partner.post(f"{held}/capture", body).status_code == 400


def test_of_what_is_not_held_are_illegal(partner):
    intent = partner.created()
    answer = partner.post(f"/payment-intents/{intent['id']}/capture")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")


def test_need_a_key_and_have_one_effect_under_it(partner, held, provider, superuser):
    assert partner.post(f"{held}/capture", key=False).status_code == 400
    first = partner.post(f"{held}/capture", {"amount": 1}, key="K")
    superuser.execute("DELETE FROM pgw.idempotency_keys")
    again = partner.post(f"{held}/capture", {"amount": 1}, key="K")
    assert first.json() == again.json()
    assert len(provider.captured) == 1


def test_whose_outcome_is_unknown_show_the_intent_as_processing(partner, held, provider, later):
    provider.on_capture.append(answers(TIMEOUT))
    intent = partner.post(f"{held}/capture").json()
    assert (intent["status"], sums(intent)) == ("processing", [0, 0, 0])
    resolve_due_captures(now=later(10))
    assert partner.get(held).json()["status"] == "succeeded"


def test_that_are_refused_leave_the_money_held(partner, held, provider):
    provider.on_capture.append(answers(Declined(code="declined", message="No.")))
    intent = partner.post(f"{held}/capture").json()
    assert (intent["status"], sums(intent)) == ("requires_capture", [12550, 0, 0])
    assert intent["last_error"] == {"code": "declined", "message": "No."}


def test_of_others_are_not_found(partner, stranger, live_partner, held):
    for caller in (stranger, live_partner):
        assert caller.post(f"{held}/capture").status_code == 404
        assert caller.get(f"{held}/captures").status_code == 404


def test_are_not_possible_any_more_when_the_hold_was_let_go(partner, held, provider):
    cancelled = partner.post(f"{held}/cancel").json()
    assert (cancelled["status"], sums(cancelled)) == ("cancelled", [0, 0, 0])
    assert partner.post(f"{held}/capture").status_code == 409
    assert len(provider.voided) == 1
