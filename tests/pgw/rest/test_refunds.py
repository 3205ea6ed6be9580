"""Refunds over HTTP ..."""

import pytest

from kernel import ids
from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import Declined
from mpac.pgw.services.operation_resolution import resolve_due_refunds
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.doubles import TIMEOUT, RefundingAdapter, answers

pytestmark = pytest.mark.usefixtures("healthy")


@pytest.fixture
def provider(database):
    adapter = RefundingAdapter()
    registry.register(adapter)
    yield adapter
    registry._adapters.pop("fake")


@pytest.fixture
def paid(partner, provider, later):
    """A paid intent's path."""
    intent = partner.created(confirm=True)
    provider.pay(next(iter(provider.created)).provider_key, provider.created[-1].amount)
    resolve_due_attempts(now=later(60))
    path = f"/payment-intents/{intent['id']}"
    assert partner.get(path).json()["status"] == "succeeded"
    return path


def test_give_a_part_back_and_show_it(partner, paid):
    answer = partner.post(f"{paid}/refunds", {"amount": 550, "reason": "returned goods"})
    refund = answer.json()
    assert answer.status_code == 201
    assert refund == {
        "id": refund["id"],
        "object": "refund",
        "created_at": refund["created_at"],
        "payment_intent_id": paid.rpartition("/")[2],
        "status": "completed",
        "amount": 550,
        "currency": "THB",
        "reason": "returned goods",
        "provider": "fake",
        "provider_reference": "BACK000002",
        "manual": False,
        "late": False,
        "retry_of": None,
        "last_error": None,
        "livemode": False,
    }
    assert partner.get(f"/refunds/{refund['id']}").json() == refund
    assert partner.get(f"{paid}/refunds").json()["data"] == [refund]
    assert partner.get(paid).json()["amount_refunded"] == 550


def test_give_everything_back_without_an_amount(partner, paid):
    assert partner.post(f"{paid}/refunds", {"reason": "x"}).json()["amount"] == 12550


def test_beyond_the_capture_are_a_conflict_and_burn_no_key(partner, paid):
    answer = partner.post(f"{paid}/refunds", {"amount": 12551, "reason": "x"}, key="K")
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_exceeds_captured")
    assert partner.post(f"{paid}/refunds", {"amount": 12550, "reason": "x"}, key="K").status_code == 201


@pytest.mark.parametrize("amount", [0, -1, 1.5, "1", None, True])
def test_with_a_wrong_amount_are_malformed(partner, paid, amount):
    answer = partner.post(f"{paid}/refunds", {"amount": amount, "reason": "x"})
    assert answer.status_code == (201 if amount is None else 400)


def test_need_a_reason_and_a_key(partner, paid):
    assert partner.post(f"{paid}/refunds", {}).status_code == 400
    answer = partner.post(f"{paid}/refunds", {"reason": "x"}, key=False)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


def test_with_the_same_key_are_one(partner, paid, provider):
    first, again = (partner.post(f"{paid}/refunds", {"amount": 1, "reason": "x"}, key="K") for _ in range(2))
    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert len(provider.refunded) == 1


def test_have_no_second_effect_after_their_answer_was_forgotten(partner, paid, provider, superuser):
    first = partner.post(f"{paid}/refunds", {"amount": 1, "reason": "x"}, key="K")
    superuser.execute("DELETE FROM pgw.idempotency_keys")
    again = partner.post(f"{paid}/refunds", {"amount": 1, "reason": "x"}, key="K")
    assert first.json() == again.json()
    assert len(provider.refunded) == 1


def test_whose_outcome_is_unknown_are_processing_until_it_is_known(partner, paid, provider, later):
    provider.on_refund.append(answers(TIMEOUT))
    refund = partner.post(f"{paid}/refunds", {"reason": "x"}).json()
    assert (refund["status"], refund["last_error"]["code"]) == ("processing", "timeout")
    resolve_due_refunds(now=later(10))
    found = partner.get(f"/refunds/{refund['id']}").json()
    assert (found["status"], found["last_error"]) == ("completed", None)


def test_that_failed_can_be_tried_again(partner, paid, provider):
    provider.on_refund.append(answers(Declined(code="declined", message="No.")))
    failed = partner.post(f"{paid}/refunds", {"reason": "x"}).json()
    assert (failed["status"], failed["last_error"]) == ("failed", {"code": "declined", "message": "No."})

    again = partner.post(f"{paid}/refunds", {"reason": "x", "retry_of": failed["id"]}).json()
    assert (again["status"], again["retry_of"]) == ("completed", failed["id"])
    answer = partner.post(f"{paid}/refunds", {"reason": "x", "retry_of": failed["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_not_retriable")


@pytest.mark.parametrize(
    "other", ["x", "", ids.encode("pi", ids.uuid7()), ids.encode("re", ids.uuid7())], ids=range(4)
)
def test_that_do_not_exist_cannot_be_tried_again(partner, paid, other):
    answer = partner.post(f"{paid}/refunds", {"reason": "x", "retry_of": other})
    assert answer.status_code == (404 if other else 400)


def test_of_others_are_not_found(partner, stranger, live_partner, paid):
    refund = partner.post(f"{paid}/refunds", {"amount": 1, "reason": "x"}).json()
    for caller in (stranger, live_partner):
        assert caller.get(f"/refunds/{refund['id']}").status_code == 404
        assert caller.get(f"{paid}/refunds").status_code == 404
        assert caller.post(f"{paid}/refunds", {"reason": "x"}).status_code == 404


def test_are_steps_of_their_intents_history(partner, paid):
    refund = partner.post(f"{paid}/refunds", {"amount": 1, "reason": "x"}).json()
    steps = partner.get(f"{paid}/events").json()["data"]
    own = [step["to_status"] for step in steps if step["refund_id"] == refund["id"]]
    assert own == ["completed", "processing", "pending"]
