"""The API of payment intents ..."""

import pytest

from kernel.ids import decode, encode, uuid7
from mpac.pgw.adapters.port import Unknown
from tests.pgw.conftest import AMOUNT
from tests.pgw.doubles import answers
from tests.pgw.rest.conftest import Caller
from tests.portal.factories import make_api_key

pytestmark = pytest.mark.usefixtures("healthy")


def test_creates_an_intent(partner):
    intent = partner.created(reference="ORDER-1", metadata={"table": "7"})

    secret = intent.pop("client_secret")
    assert secret.startswith(intent["id"] + "_secret_")
    assert {
        name: intent[name] for name in ("object", "status", "amount", "currency", "method", "provider")
    } == {
        "object": "payment_intent",
        "status": "requires_confirmation",
        "amount": 12550,
        "currency": "THB",
        "method": "qr_code",
        "provider": None,
    }
    assert (intent["amount_received"], intent["amount_capturable"], intent["amount_refunded"]) == (0, 0, 0)
    assert (intent["reference"], intent["metadata"], intent["livemode"]) == ("ORDER-1", {"table": "7"}, False)
    assert intent["next_action"] is None
    assert intent["created_at"].endswith("Z")


def test_waits_for_a_method_when_none_is_named(partner):
    assert partner.created(method=None)["status"] == "requires_payment_method"


def test_takes_the_method_by_its_other_names(partner):
    assert partner.created(method="promptpay")["method"] == "qr_code"


def test_shows_the_same_intent_again(partner):
    intent = partner.created()
    assert partner.get(f"/payment-intents/{intent['id']}").json() == intent


def test_confirms_and_shows_the_qr(partner, provider):
    intent = partner.created()
    answer = partner.post(f"/payment-intents/{intent['id']}/confirm")

    assert answer.status_code == 200
    confirmed = answer.json()
    assert confirmed["status"] == "requires_action"
    assert confirmed["next_action"]["qr_payload"] == f"QR:{provider.created[0].provider_key}"
    assert confirmed["client_secret"] == intent["client_secret"]


def test_creates_and_confirms_in_one_call(partner, provider):
    answer = partner.post("/payment-intents", partner.wish(confirm=True), key="both")
    assert answer.status_code == 201
    assert answer.json()["status"] == "requires_action"

    again = partner.post("/payment-intents", partner.wish(confirm=True), key="both")
    assert (again.status_code, again.json()) == (201, answer.json())
    assert again["Idempotent-Replayed"] == "true"
    assert len(provider.created) == 1


def test_names_the_method_at_confirmation(partner):
    intent = partner.created(method=None)
    answer = partner.post(f"/payment-intents/{intent['id']}/confirm", {"method": "qr_code"})
    assert answer.json()["status"] == "requires_action"


def test_shows_an_open_outcome_as_processing(partner, provider):
    provider.on_create.append(answers(Unknown(code="timeout", message="")))
    intent = partner.created()
    assert partner.post(f"/payment-intents/{intent['id']}/confirm").json()["status"] == "processing"


def test_refuses_what_the_state_does_not_allow_and_says_what_it_does(partner):
    intent = partner.created()
    partner.post(f"/payment-intents/{intent['id']}/confirm")
    answer = partner.post(f"/payment-intents/{intent['id']}/confirm")

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
    assert "cancelled" in answer.json()["allowed"]


def test_cancels(partner):
    intent = partner.created()
    answer = partner.post(f"/payment-intents/{intent['id']}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


def test_lists_attempts_and_history(partner):
    intent = partner.created()
    partner.post(f"/payment-intents/{intent['id']}/confirm")

    attempts = partner.get(f"/payment-intents/{intent['id']}/attempts").json()["data"]
    assert [(attempt["number"], attempt["status"]) for attempt in attempts] == [(1, "requires_action")]
    steps = partner.get(f"/payment-intents/{intent['id']}/events").json()["data"]
    assert [step["to_status"] for step in steps if step["attempt_id"] is None] == [
        "requires_action",
        "processing",
        "requires_confirmation",
    ]


def test_lists_intents_newest_first_by_pages(partner):
    made = [partner.created(reference=f"R{number}")["id"] for number in range(3)]
    first = partner.get("/payment-intents?limit=2").json()
    second = partner.get(f"/payment-intents?limit=2&cursor={first['next_cursor']}").json()

    assert [intent["id"] for intent in first["data"] + second["data"]] == made[::-1]
    assert second["next_cursor"] is None
    assert [intent["id"] for intent in partner.get("/payment-intents?reference=R1").json()["data"]] == [
        made[1]
    ]


def test_lists_with_a_fixed_number_of_queries(partner, django_assert_max_num_queries):
    for _ in range(5):
        partner.created()
    with django_assert_max_num_queries(4, using="pgw"):
        assert len(partner.get("/payment-intents").json()["data"]) == 5


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -5}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": 10**16}, "amount"),
        ({"amount": "12550"}, "amount"),
        ({"currency": "thb"}, "currency"),
        ({"store_id": 2**31}, "store_id"),
        ({"method": "cash"}, "method"),
        ({"capture_method": "later"}, "capture_method"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"expires_in": 1}, "expires_in"),
        ({"tip": 5}, "tip"),
    ],
)
def test_refuses_malformed_wishes_and_names_the_field(partner, changes, field):
    answer = partner.post("/payment-intents", partner.wish(**changes))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(field)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "ZZZ"}, "currency_unknown"),
        ({"amount": 200_000_001}, "amount_too_large"),
        ({"store_id": 999_999}, "store_not_usable"),
        ({"description": "card 4242 4242 4242 4242"}, "card_number_refused"),
        ({"metadata": {"note": "4242424242424242"}}, "card_number_refused"),
        ({"method": "crypto", "confirm": True}, "provider_not_usable"),
        ({"capture_method": "manual", "confirm": True}, "capture_not_supported"),
    ],
)
def test_refuses_impossible_wishes_without_burning_the_key(partner, changes, code):
    answer = partner.post("/payment-intents", partner.wish(**changes), key="once")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert partner.post("/payment-intents", partner.wish(), key="once").status_code == 201


def test_looks_the_same_for_a_missing_and_for_a_foreign_intent(partner, stranger):
    foreign, missing = partner.created()["id"], encode("pi", uuid7())
    headers = {"X-Request-Id": "same"}
    for method, path in [
        ("GET", "/payment-intents/{}"),
        ("GET", "/payment-intents/{}/attempts"),
        ("GET", "/payment-intents/{}/events"),
        ("POST", "/payment-intents/{}/confirm"),
        ("POST", "/payment-intents/{}/cancel"),
    ]:
        body = {} if method == "POST" else None
        seen = [
            stranger.call(method, path.format(intent_id), body, **headers)
            for intent_id in (foreign, missing, "pi_nonsense", foreign.replace("pi_", "pay_"))
        ]
        assert {(answer.status_code, answer.content) for answer in seen} == {(404, seen[0].content)}


def test_hides_a_foreign_store_like_a_missing_one(partner, stranger):
    theirs = {"merchant_id": stranger.tenant.merchant.id, "store_id": stranger.tenant.store.id}
    foreign = partner.post("/payment-intents", partner.wish(**theirs), **{"X-Request-Id": "same"})
    nobody = {"merchant_id": 999_999, "store_id": 999_999}
    missing = partner.post("/payment-intents", partner.wish(**nobody), **{"X-Request-Id": "same"})
    assert (foreign.status_code, foreign.content) == (missing.status_code, missing.content)


def test_never_mixes_test_and_live(partner, live_partner):
    intent = partner.created()
    assert live_partner.get(f"/payment-intents/{intent['id']}").status_code == 404
    assert live_partner.get("/payment-intents").json()["data"] == []
    assert live_partner.created()["livemode"] is True


def test_needs_a_credential_with_the_scope(api, partner):
    anonymous = Caller(api, "", partner.tenant)
    assert anonymous.get("/payment-intents").status_code == 401
    reader = Caller(api, make_api_key(partner.tenant.psp, scopes=("payments:read",)), partner.tenant)
    assert reader.get("/payment-intents").status_code == 200
    assert reader.post("/payment-intents", reader.wish()).json()["code"] == "insufficient_scope"


@pytest.fixture
def page(api, partner):
    """A WebView that holds the client secret of an intent."""
    intent = partner.created()
    return Caller(api, intent["client_secret"], partner.tenant), intent["id"]


def test_lets_a_page_read_and_confirm_its_own_intent(page, provider):
    caller, intent_id = page
    assert caller.get(f"/payment-intents/{intent_id}").json()["id"] == intent_id
    assert caller.post(f"/payment-intents/{intent_id}/confirm").json()["status"] == "requires_action"


def test_lets_a_page_do_nothing_else(page, partner):
    caller, intent_id = page
    other = partner.created()["id"]
    assert caller.get(f"/payment-intents/{other}").status_code == 404
    assert caller.post(f"/payment-intents/{other}/confirm").status_code == 404
    assert caller.post(f"/payment-intents/{intent_id}/cancel").status_code == 403
    assert caller.get("/payment-intents").status_code == 403
    assert caller.post("/payment-intents", caller.wish()).status_code == 403


def test_lets_a_page_use_up_its_own_limit_and_not_its_merchants(page, partner, settings):
    settings.MPAC_RATE_LIMITS = settings.MPAC_RATE_LIMITS | {"page": 2}
    caller, intent_id = page
    answers = [caller.get(f"/payment-intents/{intent_id}").status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    other = Caller(caller.http, partner.created()["client_secret"], partner.tenant)
    assert other.get(f"/payment-intents/{intent_id}").status_code == 404


@pytest.mark.parametrize("damage", [lambda s: s[:-1] + ("A" if s[-1] != "A" else "B"), lambda s: s + "x"])
def test_refuses_a_page_with_a_damaged_secret(api, page, partner, damage):
    caller, intent_id = page
    forged = Caller(api, damage(caller.credential), partner.tenant)
    assert forged.get(f"/payment-intents/{intent_id}").status_code == 401


def test_never_stores_the_client_secret(partner, superuser):
    secret = partner.created()["client_secret"].partition("_secret_")[2]
    partner.post("/payment-intents", partner.wish(confirm=True))
    for body, resource in superuser.execute("SELECT body, resource_id FROM pgw.idempotency_keys").fetchall():
        assert b"secret" not in bytes(body)
        assert "secret" not in resource
    dump = superuser.execute("SELECT to_jsonb(i) FROM pgw.payment_intents i").fetchall()
    assert secret not in str(dump)


def test_takes_the_money_when_the_provider_calls_back(partner, provider, api):
    intent = partner.created(confirm=True)
    key = provider.created[0].provider_key
    reference = provider.pay(key, AMOUNT)
    answer = api.generic(
        "POST", "/v1/webhooks/fake", provider.notice(key, reference), content_type="application/json"
    )

    assert (answer.status_code, answer.json()) == (200, {"received": reference})
    paid = partner.get(f"/payment-intents/{intent['id']}").json()
    assert (paid["status"], paid["amount_received"], paid["next_action"]) == ("succeeded", 12550, None)
    assert decode("pi", paid["id"])
