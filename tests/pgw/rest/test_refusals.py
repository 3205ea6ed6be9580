"""The API of payment intents refuses ..."""

import pytest

from kernel.ids import uuid7
from mpac.pgw.adapters.port import Unknown
from mpac.portal.services.api_keys import api_key_reader
from mpac.portal.services.tokens import Client, issue_device_token
from tests.pgw.conftest import AMOUNT
from tests.pgw.doubles import answers
from tests.pgw.rest.conftest import Caller
from tests.portal.factories import make_store

pytestmark = pytest.mark.usefixtures("healthy")


def refusal(answer) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def switch(superuser):
    """Turn a currency or a payment method off, and on again in the end."""
    switched = []

    def off(table: str, code: str) -> None:
        switched.append((table, code))
        superuser.execute(f"UPDATE pgw.{table} SET is_active = false WHERE code = %s", [code])

    yield off
    for table, code in switched:
        superuser.execute(f"UPDATE pgw.{table} SET is_active = true WHERE code = %s", [code])


def test_a_currency_that_is_not_accepted(partner, switch):
    assert refusal(partner.post("/payment-intents", partner.wish(currency="KWD"))) == (
        400,
        "currency_not_accepted",
    )
    switch("currencies", "THB")
    for confirm in (False, True):
        answer = partner.post("/payment-intents", partner.wish(confirm=confirm))
        assert refusal(answer) == (400, "currency_not_accepted")


def test_a_method_that_is_switched_off(partner, switch):
    switch("payment_methods", "qr_code")
    assert refusal(partner.post("/payment-intents", partner.wish())) == (400, "method_not_supported")
    intent = partner.created(method=None)
    answer = partner.post(f"/payment-intents/{intent['id']}/confirm", {"method": "promptpay"})
    assert refusal(answer) == (400, "method_not_supported")


def test_more_than_the_currency_and_the_method_allow(partner, settings):
    settings.MPAC_AMOUNT_LIMITS = {"THB": (1, 20_000), "THB/qr_code": (1, 10_000)}
    for method, amount in ((None, 20_001), ("e_wallet", 20_001), ("qr_code", 10_001)):
        answer = partner.post("/payment-intents", partner.wish(method=method, amount=amount))
        assert refusal(answer) == (400, "amount_too_large")
    intent = partner.created(method=None, amount=20_000)
    answer = partner.post(f"/payment-intents/{intent['id']}/confirm", {"method": "qr_code"})
    assert refusal(answer) == (400, "amount_too_large")
    assert partner.created(amount=10_000, confirm=True)["status"] == "requires_action"


def test_to_confirm_without_a_method(partner):
    intent = partner.created(method=None)
    answer = partner.post(f"/payment-intents/{intent['id']}/confirm", key="K")
    assert refusal(answer) == (400, "method_not_supported")
    again = partner.post(f"/payment-intents/{intent['id']}/confirm", {"method": "qr_code"}, key="K")
    assert again.json()["status"] == "requires_action"


def test_a_provider_that_the_store_has_no_account_with(partner):
    intent = partner.created(provider="kbank")
    answer = partner.post(f"/payment-intents/{intent['id']}/confirm")
    assert refusal(answer) == (400, "provider_not_usable")
    assert partner.get(f"/payment-intents/{intent['id']}").json()["status"] == "requires_confirmation"


@pytest.mark.parametrize("action", ["confirm", "cancel"])
def test_anything_once_the_money_is_there(partner, provider, api, action):
    intent = partner.created(confirm=True)
    key = provider.created[0].provider_key
    notice = provider.notice(key, provider.pay(key, AMOUNT))
    api.generic("POST", "/v1/webhooks/fake", notice, content_type="application/json")
    answer = partner.post(f"/payment-intents/{intent['id']}/{action}")
    assert refusal(answer) == (409, "illegal_transition")
    assert answer.json()["allowed"] == []


def test_to_confirm_what_was_cancelled(partner):
    intent = partner.created()
    partner.post(f"/payment-intents/{intent['id']}/cancel")
    assert partner.post(f"/payment-intents/{intent['id']}/cancel").json()["status"] == "cancelled"
    answer = partner.post(f"/payment-intents/{intent['id']}/confirm")
    assert refusal(answer) == (409, "illegal_transition")


def test_to_confirm_what_is_overdue(partner, superuser, provider):
    intent = partner.created()
    superuser.execute("UPDATE pgw.payment_intents SET expires_at = now() - interval '1 second'")
    answer = partner.post(f"/payment-intents/{intent['id']}/confirm")
    assert refusal(answer) == (409, "illegal_transition")
    assert provider.created == []


def test_a_second_try_while_the_first_is_open(partner, provider):
    provider.on_create.append(answers(Unknown(code="timeout", message="")))
    intent = partner.created(confirm=True)
    assert intent["status"] == "processing"
    answer = partner.post(f"/payment-intents/{intent['id']}/confirm", {"provider": "fake"})
    assert refusal(answer) == (409, "illegal_transition")
    assert len(provider.created) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("cursor=!", "cursor"),
        ("cursor=" + "A" * 201, "cursor"),
        ("status=paid", "status"),
        ("store_id=0", "store_id"),
        ("created_from=yesterday", "created_from"),
        ("color=red", "color"),
        ("reference=%00", "reference"),
        ("reference=a&reference=b", "reference"),
        ("created_from=0.5", "created_from"),
        ("created_from=2026-02-30T00:00:00Z", "created_from"),
        ("status=null", "status"),
    ],
)
def test_malformed_questions(partner, query, field):
    answer = partner.get(f"/payment-intents?{query}")
    assert refusal(answer) == (400, "invalid")
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("raw", "content_type", "expected"),
    [
        (b"{", "application/json", (400, "malformed_json")),
        (b"[]", "application/json", (400, "invalid")),
        (b"null", "application/json", (400, "invalid")),
        (b"\xff", "application/json", (400, "malformed_json")),
        (b'{"amount": NaN}', "application/json", (400, "malformed_json")),
        (b"amount=1", "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
        (b" " * (1024 * 1024 + 1), "application/json", (413, "body_too_large")),
    ],
    ids=["cut", "array", "null", "binary", "nan", "form", "huge"],
)
def test_bodies_that_are_no_wish(partner, api, raw, content_type, expected):
    headers = {"Authorization": f"Bearer {partner.credential}", "Idempotency-Key": "K"}
    answer = api.generic("POST", "/v1/payment-intents", raw, content_type=content_type, headers=headers)
    assert refusal(answer) == expected
    assert partner.post("/payment-intents", partner.wish(), key="K").status_code == 201


@pytest.mark.parametrize(
    "metadata",
    [
        {str(number): "x" for number in range(51)},
        {"k" * 41: "x"},
        {"": "x"},
        {"k": "x" * 501},
        {"k": None},
        {"k": {"deep": "x"}},
        {"k": "a\0b"},
        ["x"],
    ],
    ids=lambda metadata: str(metadata)[:20],
)
def test_metadata_that_is_too_much(partner, metadata):
    assert refusal(partner.post("/payment-intents", partner.wish(metadata=metadata))) == (400, "invalid")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_methods_that_it_does_not_have(partner, method):
    for path in ("/payment-intents", f"/payment-intents/{partner.created()['id']}"):
        answer = partner.call(method, path, {})
        assert refusal(answer) == (405, "method_not_allowed")
        assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("credential", ["", "sk_test_unknown", "a.b.c", "pi_x_secret_y"])
def test_callers_that_nobody_knows(partner, credential):
    stranger = Caller(partner.http, credential, partner.tenant)
    for answer in (stranger.get("/payment-intents"), stranger.post("/payment-intents", stranger.wish())):
        assert answer.status_code == 401
        assert "WWW-Authenticate" in answer.headers


def test_more_calls_than_the_partners_record_allows(partner, superuser):
    superuser.execute("UPDATE portal.psps SET rate_limit_per_minute = 5")
    api_key_reader.forget()
    seen = [partner.get("/payment-intents") for _ in range(8)]
    assert [answer.status_code for answer in seen] == [200] * 5 + [429] * 3
    assert refusal(seen[-1]) == (429, "rate_limited")
    assert int(seen[-1].headers["Retry-After"]) >= 1
    assert all("RateLimit" in answer.headers and "RateLimit-Policy" in answer.headers for answer in seen)


@pytest.fixture
def terminal(partner, now):
    """A terminal of the store."""
    tenant = partner.tenant
    client = Client(uuid7(), tenant.psp.id, tenant.merchant.id, tenant.store.id, livemode=False)
    return Caller(partner.http, issue_device_token(client, now=now), tenant)


def test_a_terminal_another_store_of_its_own_merchant(partner, terminal):
    assert terminal.post("/payment-intents", terminal.wish()).status_code == 201
    other = make_store(partner.tenant.merchant)
    answer = terminal.post("/payment-intents", terminal.wish(store_id=other.id))
    assert refusal(answer) == (400, "store_not_usable")
