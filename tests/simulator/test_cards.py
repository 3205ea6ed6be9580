"""What the stand-ins of card providers have in common."""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import httpx2
import pytest

from simulator.forms import nested
from tests.simulator.conftest import NOON, Running, Starter

KEYS = {"stripe": "sk_test_1", "omise": "skey_test_1"}
SECRETS = {"stripe": ("whsec_new", "whsec_old"), "omise": ("bmV3", "b2xk")}
CREATE = {"stripe": "/stripe/v1/payment_intents", "omise": "/omise/charges"}
BOTH = pytest.mark.parametrize("provider", ["omise", "stripe"])


def headers(provider: str, *, key: str | None = None, idempotency_key: str | None = None) -> dict[str, str]:
    basic = base64.b64encode(f"{KEYS[provider]}:".encode()).decode()
    sent = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
    if key is not None:
        sent["authorization"] = f"Bearer {key}"
    return sent | ({"idempotency-key": idempotency_key} if idempotency_key else {})


def card(provider: str, **changed: str) -> dict[str, str]:
    ours = {
        "stripe": {
            "amount": "12550",
            "currency": "thb",
            "confirm": "true",
            "payment_method": "pm_card_visa",
            "metadata[reference]": "R1",
        },
        "omise": {
            "amount": "12550",
            "currency": "thb",
            "card": "tokn_test_1",
            "metadata[reference]": "R1",
        },
    }
    return {**ours[provider], **changed}


def make(
    bank: Running, provider: str, *, fields: dict[str, str] | None = None, idempotency_key: str | None = None
) -> httpx2.Response:
    sent = headers(provider, idempotency_key=idempotency_key)
    return bank.http.post(CREATE[provider], data=fields or card(provider), headers=sent)


def enter(bank: Running, provider: str, *secrets: str, **changed: Any) -> httpx2.Response:
    entry = {
        "provider": provider,
        "key": KEYS[provider],
        "webhook_url": f"http://merchant.test/{provider}",
        "webhook_secrets": list(secrets),
        **changed,
    }
    return bank.http.post("/__merchants", json=entry)


class Inbox:
    """Keeps what the merchant is sent, as it came."""

    def __init__(self, bank: Running) -> None:
        self.requests: list[httpx2.Request] = []
        self.status = 200
        bank.merchant = self  # type: ignore[assignment]

    def receive(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(self.status)


def test_a_forms_brackets_are_levels() -> None:
    pairs = [("a", "1"), ("b[c]", "2"), ("b[d][e]", "3"), ("f[]", "4"), ("f[]", "5"), ("g[0]", "6")]
    assert nested(pairs) == {"a": "1", "b": {"c": "2", "d": {"e": "3"}}, "f": ["4", "5"], "g": ["6"]}


@BOTH
@pytest.mark.parametrize("sent", [{}, {"authorization": "Bearer nobody"}, {"authorization": "Basic %%"}])
def test_a_call_needs_a_key(bank: Running, provider: str, sent: dict[str, str]) -> None:
    assert bank.http.post(CREATE[provider], data=card(provider), headers=sent).status_code == 401
    assert bank.charges() == []


@BOTH
def test_a_charge_is_the_affair_of_its_own_merchant(bank: Running, provider: str) -> None:
    reference = make(bank, provider).json()["id"]
    path = f"{CREATE[provider]}/{reference}"
    assert bank.http.get(path, headers=headers(provider)).status_code == 200
    basic = base64.b64encode(f"{KEYS[provider]}2:".encode()).decode()
    assert bank.http.get(path, headers={"authorization": f"Basic {basic}"}).status_code == 404


@BOTH
def test_one_key_has_one_answer(bank: Running, provider: str) -> None:
    first = make(bank, provider, idempotency_key="K1")
    assert make(bank, provider, idempotency_key="K1").json() == first.json()
    assert len(bank.charges()) == 1
    other = make(bank, provider, fields=card(provider, amount="1"), idempotency_key="K1")
    assert other.status_code == 400
    make(bank, provider, idempotency_key="K2")
    assert len(bank.charges()) == 2


@BOTH
def test_a_key_is_known_after_a_restart(start: Starter, provider: str, tmp_path: Path) -> None:
    before = start(journal=tmp_path / "books.jsonl")
    first = make(before, provider, idempotency_key="K1").json()
    after = start(journal=tmp_path / "books.jsonl")
    assert make(after, provider, idempotency_key="K1").json() == first
    assert len(after.charges()) == 1


@BOTH
def test_a_provider_that_ignores_the_key_charges_twice(bank: Running, provider: str) -> None:
    bank.http.post(
        "/__script",
        json={"provider": provider, "operation": "create", "behaviour": "ignores_idempotency"},
    )
    make(bank, provider, idempotency_key="K1")
    make(bank, provider, idempotency_key="K1")
    assert [status for _, status, _ in bank.charges()] == ["paid", "paid"]


@BOTH
def test_a_merchant_that_nobody_entered_is_told_nothing(bank: Running, provider: str) -> None:
    inbox = Inbox(bank)
    basic = base64.b64encode(f"{KEYS[provider]}_unknown:".encode()).decode()
    sent = headers(provider) | {"authorization": f"Basic {basic}"}
    assert bank.http.post(CREATE[provider], data=card(provider), headers=sent).status_code == 200
    bank.settle()
    assert inbox.requests == []


def test_stripe_signs_with_the_whole_secret(bank: Running) -> None:
    inbox = Inbox(bank)
    enter(bank, "stripe", *SECRETS["stripe"])
    make(bank, "stripe")
    bank.settle()
    [request] = inbox.requests
    message = f"{int(NOON.timestamp())}.".encode() + request.content
    signed = [hmac.new(secret.encode(), message, hashlib.sha256).hexdigest() for secret in SECRETS["stripe"]]
    assert request.headers["stripe-signature"] == ",".join(
        [f"t={int(NOON.timestamp())}", *(f"v1={each}" for each in signed), f"v0={'0' * 64}"]
    )


def test_omise_signs_with_the_decoded_secret(bank: Running) -> None:
    inbox = Inbox(bank)
    enter(bank, "omise", *SECRETS["omise"])
    make(bank, "omise")
    bank.settle()
    [request] = inbox.requests
    message = f"{int(NOON.timestamp())}.".encode() + request.content
    signed = [hmac.new(secret, message, hashlib.sha256).hexdigest() for secret in (b"new", b"old")]
    assert request.headers["omise-signature"] == ",".join(signed)
    assert request.headers["omise-signature-timestamp"] == str(int(NOON.timestamp()))


@BOTH
def test_an_event_is_signed_anew_for_every_delivery(bank: Running, provider: str) -> None:
    inbox = Inbox(bank)
    inbox.status = 500
    enter(bank, provider, *SECRETS[provider])
    make(bank, provider)
    bank.settle()
    assert len(inbox.requests) == 4
    assert len({request.content for request in inbox.requests}) == 1
    callbacks = bank.http.get("/__callbacks").json()["callbacks"]
    assert [(each["provider"], each["attempt"], each["accepted"]) for each in callbacks] == [
        (provider, attempt, False) for attempt in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook_url": ""},
        {"webhook_url": "x" * 501},
        {"webhook_secrets": ["a", "b", "c"]},
        {"webhook_secrets": [""]},
        {"webhook_secrets": "a"},
        {"wrong": 1},
    ],
)
def test_a_wrong_entry_of_a_dashboard_is_refused(bank: Running, changed: dict[str, Any]) -> None:
    assert enter(bank, "stripe", "whsec_1", **changed).status_code == 400


def test_a_dashboard_outlives_a_restart_and_a_reset(start: Starter, tmp_path: Path) -> None:
    before = start(journal=tmp_path / "books.jsonl")
    enter(before, "stripe", "whsec_1")
    after = start(journal=tmp_path / "books.jsonl")
    inbox = Inbox(after)
    after.http.post("/__reset")
    make(after, "stripe")
    after.settle()
    assert [str(request.url) for request in inbox.requests] == ["http://merchant.test/stripe"]


@BOTH
def test_a_refund_comes_back_once(bank: Running, provider: str) -> None:
    reference = make(bank, provider).json()["id"]
    ours = {
        "stripe": ("/stripe/v1/refunds", {"payment_intent": reference, "amount": "5000"}),
        "omise": (f"/omise/charges/{reference}/refunds", {"amount": "5000"}),
    }
    path, fields = ours[provider]
    refund = bank.http.post(path, data=fields, headers=headers(provider)).json()["id"]
    body = {"provider": provider, "provider_reference": refund}
    assert bank.http.post("/__return", json=body).json() == {"status": "reversed"}
    assert bank.http.post("/__return", json=body).status_code == 404
    [booked] = bank.http.get("/__truth").json()["refunds"]
    assert (booked["amount"], booked["status"], booked["payment_reference"]) == (5000, "reversed", reference)


@pytest.mark.parametrize("body", [{}, {"provider": "stripe", "provider_reference": "re_1"}])
@pytest.mark.parametrize("path", ["/__return", "/__dispute"])
def test_what_nobody_paid_cannot_come_back(bank: Running, path: str, body: dict[str, str]) -> None:
    assert 400 <= bank.http.post(path, json=body).status_code < 500


def test_a_dispute_has_known_steps(bank: Running) -> None:
    reference = make(bank, "stripe").json()["id"]
    body = {"provider": "stripe", "provider_reference": reference}
    assert bank.http.post("/__dispute", json={**body, "status": "angry"}).status_code == 400
    steps = [bank.http.post("/__dispute", json={**body, "status": step}).json() for step in ("opened", "won")]
    assert [step["status"] for step in steps] == ["opened", "won"]
    assert len({step["provider_reference"] for step in steps}) == 1
