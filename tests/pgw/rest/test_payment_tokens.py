"""A payment token that comes over the API ..."""

import dataclasses
import json

import pytest

from mpac.pgw.adapters.adyen.protocol import SAVED_CARD
from mpac.pgw.adapters.port import Declined
from tests.pgw.doubles import TokenAdapter
from tests.pgw.rest.conftest import Caller

pytestmark = pytest.mark.usefixtures("healthy")

TOKEN = "tokn_test_5xpz3bq8v7cn9s2m4k1"
PAN = "4242424242424242"
CARD = {"method": "credit_card", "provider": "fake"}
WRITTEN = ("payment_intents", "payment_attempts", "payment_intent_events", "payment_transactions", "outbox")


@pytest.fixture(autouse=True)
def cards(provider, monkeypatch):
    monkeypatch.setattr(provider, "capabilities", TokenAdapter.capabilities)


def rows(superuser, text: str) -> int:
    """How many rows of the gateway show a text anywhere."""
    tables = [
        name for (name,) in superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'pgw'")
    ]
    counts = [
        superuser.execute(
            f"SELECT count(*) FROM pgw.{name} t WHERE strpos(t::text, %s) > 0", [text]
        ).fetchone()
        for name in tables
    ]
    assert set(WRITTEN) < set(tables)
    return sum(count for (count,) in counts)


def test_is_charged_and_shown_to_nobody(partner, provider, superuser, capfd):
    answer = partner.post(
        "/payment-intents",
        partner.wish(**CARD, confirm=True, payment_token=TOKEN, return_url="https://a.b/c"),
    )
    assert (answer.status_code, answer.json()["status"]) == (201, "requires_action")
    assert answer.json()["return_url"] == "https://a.b/c"
    intent_id = answer.json()["id"]
    [request] = provider.created
    assert (request.payment_token, request.return_url) == (TOKEN, "https://a.b/c")
    paths = (f"/payment-intents/{intent_id}{part}" for part in ("", "/attempts", "/events"))
    shown = b"".join(partner.get(path).content for path in paths) + answer.content
    assert TOKEN.encode() not in shown
    assert rows(superuser, TOKEN) == 0
    assert TOKEN not in "".join(capfd.readouterr())


def test_is_shown_to_nobody_though_its_provider_repeats_it(partner, provider, superuser):
    def repeat(request):
        return Declined(code="no_such_token", message=f"No such token: '{request.payment_token}' of {PAN}")

    provider.on_create.append(repeat)
    answer = partner.post("/payment-intents", partner.wish(**CARD, confirm=True, payment_token=TOKEN))
    assert answer.json()["last_error"]["code"] == "no_such_token"
    assert TOKEN not in answer.text
    assert (rows(superuser, TOKEN), rows(superuser, PAN)) == (0, 0)


def test_belongs_to_what_the_key_stands_for(partner, provider):
    intent = partner.created(**CARD)
    path = f"/payment-intents/{intent['id']}/confirm"
    first = partner.post(path, {"payment_token": TOKEN}, key="once")
    again = partner.post(path, {"payment_token": TOKEN}, key="once")
    other = partner.post(path, {"payment_token": "tokn_test_other"}, key="once")
    assert (first.status_code, again.content) == (200, first.content)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(provider.created) == 1


def test_may_come_from_the_page_that_holds_the_client_secret(partner, provider, api):
    intent = partner.created(**CARD)
    page = Caller(api, intent["client_secret"], partner.tenant)
    answer = page.post(f"/payment-intents/{intent['id']}/confirm", {"payment_token": TOKEN})
    assert answer.status_code == 200, answer.content
    assert provider.created[0].payment_token == TOKEN


def test_of_a_card_that_the_shop_keeps_is_taken_from_the_shop_alone(partner, provider, api, monkeypatch):
    keeps = dataclasses.replace(TokenAdapter.capabilities, saved_card=SAVED_CARD)
    monkeypatch.setattr(provider, "capabilities", keeps)
    intent = partner.created(**CARD)
    path = f"/payment-intents/{intent['id']}/confirm"
    page = Caller(api, intent["client_secret"], partner.tenant)
    for told in ({}, {"provider": "fake"}, {"method": "credit_card"}):
        answer = page.post(path, {"payment_token": "guest/8415995487234100", **told})
        assert (answer.status_code, answer.json()["code"]) == (400, "payment_token_refused")
    assert provider.created == []
    assert partner.post(path, {"payment_token": "guest/8415995487234100"}).status_code == 200


def test_may_be_as_long_as_an_encrypted_card(partner, provider):
    fields = ("encryptedCardNumber", "encryptedExpiryMonth", "encryptedExpiryYear", "encryptedSecurityCode")
    token = json.dumps(dict.fromkeys(fields, "eyJhbGciOiJSU0Et" * 44), separators=(",", ":"))
    answer = partner.post("/payment-intents", partner.wish(**CARD, confirm=True, payment_token=token))
    assert answer.status_code == 201, answer.content
    assert (len(token) > 2800, provider.created[0].payment_token == token) == (True, True)


@pytest.mark.parametrize(
    "refused",
    [
        ({"confirm": True}, "payment_token_required"),
        ({"confirm": True, "payment_token": PAN}, "payment_token_refused"),
        ({"confirm": True, "payment_token": TOKEN, "provider": None}, "payment_token_unbound"),
        ({"confirm": True, "payment_token": TOKEN, "method": "qr_code"}, "payment_token_not_taken"),
        ({"confirm": False, "payment_token": TOKEN}, "payment_token_unused"),
        ({"confirm": False, "return_url": "http://a.b/c"}, "return_url_refused"),
        ({"confirm": False, "return_url": f"https://a.b/{PAN}"}, "return_url_refused"),
    ],
)
def test_is_refused_before_anything_is_written(partner, provider, superuser, capfd, refused):
    changes, code = refused
    answer = partner.post("/payment-intents", partner.wish(**{**CARD, **changes}))
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert (rows(superuser, TOKEN), rows(superuser, PAN)) == (0, 0)
    assert superuser.execute("SELECT count(*) FROM pgw.payment_intents").fetchone() == (0,)
    assert PAN not in answer.content.decode() + "".join(capfd.readouterr())
    assert provider.created == []
