"""Every field of a payment intent ..."""

import datetime as dt

import pytest

from mpac.pgw.adapters.port import Declined, NotProcessed
from mpac.pgw.services.expiry import expire_untried
from tests.pgw.conftest import AMOUNT
from tests.pgw.doubles import answers

pytestmark = pytest.mark.usefixtures("healthy")

ASKED = {
    "provider": "fake",
    "capture_method": "automatic",
    "reference": "ORDER-1",
    "description": "Two Pad Thai and a tea",
    "metadata": {"table": "7"},
}
FIELDS = {
    "object", "id", "created_at", "status", "amount", "amount_capturable", "amount_received", "amount_refunded", "currency",
    "method", "provider", "capture_method", "merchant_id", "store_id", "next_action", "last_error", "reference",
    "description", "metadata", "livemode", "expires_at", "cancel_requested_at", "capture_before", "return_url",
    "client_secret",
}  # fmt: skip


def instant(text: str) -> dt.datetime:
    assert text.endswith("Z")
    assert len(text.partition(".")[2]) == len("000Z")
    return dt.datetime.fromisoformat(text)


def test_is_there_from_the_beginning_and_in_every_answer(partner):
    created = partner.created(**ASKED)
    assert set(created) == FIELDS
    assert {name: created[name] for name in ASKED} == ASKED
    assert (created["merchant_id"], created["store_id"]) == (
        partner.tenant.merchant.id,
        partner.tenant.store.id,
    )
    path = f"/payment-intents/{created['id']}"
    confirmed = partner.post(f"{path}/confirm").json()
    [listed] = partner.get("/payment-intents").json()["data"]
    cancelled = partner.post(f"{path}/cancel").json()
    assert set(confirmed) == set(listed) == set(cancelled) == FIELDS
    assert listed == confirmed


def test_has_its_default(partner):
    intent = partner.created()
    assert (intent["capture_method"], intent["metadata"], intent["livemode"]) == ("automatic", {}, False)
    assert [intent[name] for name in ("provider", "reference", "description", "last_error")] == [None] * 4
    lifetime = instant(intent["expires_at"]) - instant(intent["created_at"])
    assert abs(lifetime - dt.timedelta(minutes=30)) < dt.timedelta(seconds=2)


def test_says_when_the_intent_expires(partner):
    intent = partner.created(expires_in=90)
    lifetime = instant(intent["expires_at"]) - instant(intent["created_at"])
    assert abs(lifetime - dt.timedelta(seconds=90)) < dt.timedelta(seconds=2)


def test_says_how_to_pay_while_there_is_something_to_do(partner, provider):
    intent = partner.created(confirm=True)
    assert intent["next_action"]["type"] == "display_qr"
    assert intent["provider"] == "fake"
    assert partner.post(f"/payment-intents/{intent['id']}/cancel").json()["next_action"] is None


def test_says_why_a_try_did_not_work_until_the_next_one(partner, provider):
    provider.on_create.append(answers(Declined(code="declined", message="Not enough money")))
    intent = partner.created(confirm=True)
    assert intent["status"] == "requires_payment_method"
    assert intent["last_error"] == {"code": "declined", "message": "Not enough money"}
    again = partner.post(f"/payment-intents/{intent['id']}/confirm").json()
    assert (again["status"], again["last_error"]) == ("requires_action", None)


def test_counts_the_money(partner, provider, api):
    intent = partner.created(confirm=True)
    key = provider.created[0].provider_key
    notice = provider.notice(key, provider.pay(key, AMOUNT))
    api.generic("POST", "/v1/webhooks/fake", notice, content_type="application/json")
    paid = partner.get(f"/payment-intents/{intent['id']}").json()
    sums = ("amount", "amount_received", "amount_capturable", "amount_refunded")
    assert [paid[name] for name in sums] == [12550, 12550, 0, 0]


def test_notes_the_wish_to_cancel_while_the_outcome_is_open(partner, provider):
    intent = partner.created(confirm=True)
    provider.on_probe.append(answers(NotProcessed(code="x", message="")))
    provider.pay(provider.created[0].provider_key, AMOUNT)
    answer = partner.post(f"/payment-intents/{intent['id']}/cancel")
    assert answer.status_code in {200, 409}
    assert partner.get(f"/payment-intents/{intent['id']}").json()["cancel_requested_at"] is not None


def test_of_an_attempt_is_shown(partner, provider):
    provider.on_create.append(answers(NotProcessed(code="scb_9500", message="Refused")))
    intent = partner.created(confirm=True)
    partner.post(f"/payment-intents/{intent['id']}/confirm")
    second, first = partner.get(f"/payment-intents/{intent['id']}/attempts").json()["data"]
    assert first == {
        "id": first["id"],
        "object": "payment_attempt",
        "created_at": first["created_at"],
        "payment_intent_id": intent["id"],
        "number": 1,
        "status": "error",
        "provider": "fake",
        "provider_key": provider.created[0].provider_key,
        "provider_reference": None,
        "amount": 12550,
        "currency": "THB",
        "last_error": {"code": "scb_9500", "message": "Refused"},
        "next_probe_at": first["next_probe_at"],
    }
    assert first["id"].startswith("att_")
    assert (second["number"], second["status"], second["last_error"]) == (2, "requires_action", None)


def test_of_a_step_is_shown(partner):
    intent = partner.created()
    [step] = partner.get(f"/payment-intents/{intent['id']}/events").json()["data"]
    assert step == {
        "id": step["id"],
        "object": "payment_intent_event",
        "created_at": step["created_at"],
        "payment_intent_id": intent["id"],
        "attempt_id": None,
        "capture_id": None,
        "refund_id": None,
        "sequence": 1,
        "from_status": None,
        "to_status": "requires_confirmation",
        "actor": "api",
        "reason": "",
    }
    assert step["id"].startswith("evt_")


@pytest.mark.parametrize("status", ["cancelled", "expired"])
def test_lets_the_list_be_narrowed_by_status(partner, now, status):
    ended, other = partner.created(expires_in=60), partner.created()
    if status == "cancelled":
        partner.post(f"/payment-intents/{ended['id']}/cancel")
    else:
        expire_untried(now=now + dt.timedelta(seconds=100))
    for wanted, found in ((status, ended), ("requires_confirmation", other)):
        listed = partner.get(f"/payment-intents?status={wanted}").json()["data"]
        assert [intent["id"] for intent in listed] == [found["id"]]


def test_lets_the_list_be_narrowed_by_place_and_time(partner):
    intent = partner.created()
    at = intent["created_at"]
    later = (instant(at) + dt.timedelta(milliseconds=1)).isoformat().replace("+00:00", "Z")
    for query, count in {
        f"merchant_id={intent['merchant_id']}": 1,
        "merchant_id=999999": 0,
        f"store_id={intent['store_id']}": 1,
        "store_id=999999": 0,
        f"created_from={at}": 1,
        f"created_from={later}": 0,
        f"created_before={at}": 0,
        f"created_before={later}": 1,
    }.items():
        assert len(partner.get(f"/payment-intents?{query}").json()["data"]) == count, query
