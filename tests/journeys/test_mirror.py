"""What a provider sets up over HTTP can be sold with at once, and what it stops stops at once."""

import secrets
import time
import uuid

import httpx2
import pytest

from kernel import signing
from tests.journeys.conftest import until
from tests.journeys.test_one_effect import redis_of

SYNCED_S = 5.0
NOT_YET = {"store_not_usable", "provider_not_usable"}


@pytest.fixture
def partner(platform):
    """The server of the demo's payment service provider."""
    headers = {"Authorization": f"Bearer {platform.demo['psp']['api_key']}"}
    with httpx2.Client(
        base_url=platform.demo["base_url"], headers=headers, timeout=10, trust_env=False
    ) as http:
        yield http


def made(http, path, body):
    answer = http.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def store(partner):
    """A new merchant's new store with an account at the bank, and when the last of them was made."""
    code = f"J{secrets.token_hex(6).upper()}"
    merchant = made(partner, "/v1/merchants", {"code": code, "name": "New merchant"})
    found = made(partner, "/v1/stores", {"merchant_id": merchant["id"], "code": code, "name": "New store"})
    made(
        partner,
        f"/v1/stores/{found['id']}/provider-configs",
        {
            "provider": "scb",
            "account": {"biller_id": "010556000000001"},
            "credentials": {"api_key": "key", "api_secret": "secret"},
        },
    )
    return found


def wish(http, store):
    """One try to take money at the store."""
    body = {
        "amount": 12550,
        "currency": "THB",
        "merchant_id": store["merchant_id"],
        "store_id": store["id"],
        "method": "qr_code",
        "confirm": True,
    }
    return http.post("/v1/payment-intents", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})


def test_a_new_store_takes_money_within_seconds(partner, store):
    def shown():
        answer = wish(partner, store)
        assert answer.status_code == 201 or answer.json()["code"] in NOT_YET, answer.text
        return answer.status_code == 201 and answer.json()

    intent = until(shown, timeout_s=SYNCED_S)
    assert intent["status"] == "requires_action"
    assert intent["next_action"]["qr_payload"]


def test_a_suspended_store_takes_none_within_seconds(partner, store):
    until(lambda: wish(partner, store).status_code == 201, timeout_s=SYNCED_S)
    changed = partner.patch(f"/v1/stores/{store['id']}", json={"status": "suspended"})
    assert changed.status_code == 200
    refused = until(
        lambda: (answer := wish(partner, store)).status_code == 400 and answer, timeout_s=SYNCED_S
    )
    assert refused.json()["code"] == "store_not_usable"


def status_call(platform, *, nonce: str) -> httpx2.Response:
    """A signed look at the mirror's state."""
    service, path, at = platform.demo["sync"], "/v1/sync/status", int(time.time())
    signature = signing.sign(
        service["secret"], method="GET", path=path, query="", timestamp=at, nonce=nonce, body=b""
    )
    headers = {
        "Authorization": signing.authorization(service["key_id"], timestamp=at, signature=signature),
        "X-MPAC-Nonce": nonce,
    }
    return httpx2.get(f"{platform.demo['base_url']}{path}", headers=headers, trust_env=False)


def test_the_mirror_agrees_with_its_source(platform, partner, store):
    until(lambda: wish(partner, store).status_code == 201, timeout_s=SYNCED_S)
    found = until(
        lambda: (
            not (status := status_call(platform, nonce=secrets.token_hex(16)).json())["pending"] and status
        ),
        timeout_s=SYNCED_S,
    )
    assert (found["drift"], found["dead_letters"]) == ([], 0)


def test_a_signed_call_counts_once_even_when_redis_forgot_it(platform):
    nonce = secrets.token_hex(16)
    assert status_call(platform, nonce=nonce).status_code == 200
    redis_of(platform).flushall()
    again = status_call(platform, nonce=nonce)
    assert (again.status_code, again.json()["code"]) == (401, "signature_invalid")
