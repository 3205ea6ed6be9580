"""The Stripe adapter ..."""

import datetime as dt

import httpx2
import pytest

from kernel.money import Money
from mpac.pgw.adapters.port import (
    Accepted,
    ActionRequired,
    Approved,
    Authorized,
    CaptureRequest,
    Declined,
    Done,
    NeverHeard,
    NotProcessed,
    Pending,
    ProviderAccount,
    Reversed,
    Unknown,
    Voided,
)
from mpac.pgw.adapters.stripe.adapter import StripeAdapter
from mpac.pgw.adapters.stripe.client import MAX_PAGES, StripeClient
from mpac.pgw.errors import WebhookMalformed, WebhookRefused
from tests.pgw.adapters.wire import NOON, Wire, charge_with, refund_with, replaced

ACCOUNT = ProviderAccount(
    fields={"billing_email": "till@example.com", "return_url": "https://shop.example/back"},
    credentials={"secret_key": "sk_test_1", "webhook_secret": "whsec_test_secret"},
)


@pytest.fixture
def wire(settings):
    settings.MPAC_STRIPE_BASE_URL = "http://stripe.test/"
    return Wire()


@pytest.fixture
def adapter(wire):
    return StripeAdapter(StripeClient(transport=httpx2.MockTransport(wire)))


@pytest.fixture
def charge():
    return charge_with(ACCOUNT, payment_token="pm_card_visa", description="Order 7")


def intent(status="succeeded", **changes):
    values = {
        "id": "pi_1",
        "object": "payment_intent",
        "status": status,
        "amount": 12550,
        "amount_received": 12550 if status == "succeeded" else 0,
        "amount_capturable": 12550 if status == "requires_capture" else 0,
        "currency": "thb",
        "created": 1795240800,
        "metadata": {},
        "latest_charge": {
            "id": "ch_1",
            "created": 1795240800,
            "payment_method_details": {
                "type": "card",
                "card": {"brand": "visa", "last4": "4242", "capture_before": 1795845600},
            },
        },
    }
    return {**values, **changes}


def error(kind, **more):
    return {"error": {"type": kind, "message": "No.", **more}}


def refund(status="succeeded", **changes):
    return {"id": "re_1", "object": "refund", "status": status, "amount": 5000, "currency": "thb", **changes}


def test_asks_for_a_card_charge_as_stripe_documents_it(adapter, wire, charge):
    wire.says(intent())
    adapter.create(charge)
    [call] = wire.calls
    assert (call.method, str(call.url)) == ("POST", "http://stripe.test/v1/payment_intents")
    assert wire.form == {
        "amount": "12550",
        "currency": "thb",
        "confirm": "true",
        "description": "Order 7",
        "metadata[reference]": charge.provider_key,
        "expand[]": "latest_charge",
        "return_url": "https://shop.example/back",
        "capture_method": "automatic",
        "payment_method_types[]": "card",
        "payment_method": "pm_card_visa",
    }
    assert call.headers["authorization"] == "Bearer sk_test_1"
    assert call.headers["idempotency-key"] == charge.provider_key
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert call.headers["stripe-version"]


def test_takes_a_cards_one_time_token_too(adapter, wire, charge):
    wire.says(intent())
    adapter.create(replaced(charge, payment_token="tok_visa", capture=False))
    assert wire.form["payment_method_data[type]"] == "card"
    assert wire.form["payment_method_data[card][token]"] == "tok_visa"
    assert wire.form["capture_method"] == "manual"
    assert "payment_method" not in wire.form


def test_asks_for_promptpay_with_the_address_that_stripe_wants(adapter, wire, charge):
    code = {"data": "00020101", "image_url_png": "https://qr.stripe.com/1.png"}
    action = {"type": "promptpay_display_qr_code", "promptpay_display_qr_code": code}
    wire.says(intent("requires_action", next_action=action))
    outcome = adapter.create(replaced(charge, method="qr_code", payment_token=None))
    assert wire.form["payment_method_types[]"] == "promptpay"
    assert wire.form["payment_method_data[billing_details][email]"] == "till@example.com"
    assert outcome == ActionRequired(
        next_action={
            "type": "display_qr",
            "qr_payload": "00020101",
            "expires_at": "2026-11-21T05:10:00.000Z",
        },
        provider_reference="pi_1",
    )


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        (
            {"type": "redirect_to_url", "redirect_to_url": {"url": "https://hooks.stripe.com/1"}},
            {"type": "redirect_to_url", "url": "https://hooks.stripe.com/1"},
        ),
        (
            {"type": "use_stripe_sdk", "use_stripe_sdk": {}},
            {"type": "use_provider_sdk", "provider": "stripe", "client_secret": "pi_1_secret_2"},
        ),
    ],
)
def test_sends_the_card_holder_to_prove_who_they_are(adapter, wire, charge, action, shown):
    wire.says(intent("requires_action", next_action=action, client_secret="pi_1_secret_2"))
    assert adapter.create(charge).next_action == shown


@pytest.mark.parametrize(
    "action",
    [None, {}, {"type": "dance", "dance": {}}, {"type": "redirect_to_url"}, {"type": 5}],
)
def test_is_in_doubt_about_an_action_that_nobody_can_take(adapter, wire, charge, action):
    wire.says(intent("requires_action", next_action=action))
    assert isinstance(adapter.create(charge), Unknown)


def test_tells_the_money_and_the_card(adapter, wire, charge):
    wire.says(intent())
    [payment] = adapter.create(charge).payments
    assert (payment.reference, payment.amount) == ("pi_1", Money(12550, "THB"))
    assert payment.paid_at == dt.datetime.fromtimestamp(1795240800, dt.UTC)
    assert payment.details == {"brand": "visa", "last4": "4242"}


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (intent("succeeded"), Approved),
        (intent("requires_capture"), Authorized),
        (intent("requires_payment_method"), Pending),
        (intent("requires_payment_method", last_payment_error={"type": "card_error"}), Declined),
        (intent("requires_confirmation"), Pending),
        (intent("processing"), Unknown),
        (intent("canceled"), Voided),
        (intent("brand_new"), Unknown),
        (intent("succeeded", amount_received=0), Unknown),
        (intent("succeeded", currency="xxx"), Unknown),
        (intent("succeeded", id=""), Unknown),
        (intent("succeeded", amount="12550"), Unknown),
    ],
)
def test_reads_every_state_of_a_charge(adapter, wire, charge, state, outcome):
    wire.says(state)
    assert isinstance(adapter.create(charge), outcome)
    assert isinstance(adapter.probe(replaced(charge, provider_reference="pi_1")), outcome)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((402, error("card_error", code="card_declined", decline_code="insufficient_funds")), Declined),
        ((400, error("invalid_request_error", code="parameter_missing")), NotProcessed),
        ((401, error("invalid_request_error")), NotProcessed),
        ((403, error("invalid_request_error")), NotProcessed),
        ((404, error("invalid_request_error", code="resource_missing")), NotProcessed),
        ((429, error("invalid_request_error", code="rate_limit")), NotProcessed),
        ((400, error("idempotency_error")), Unknown),
        ((409, error("invalid_request_error", code="idempotency_key_in_use")), Unknown),
        ((424, error("api_error")), Unknown),
        ((500, error("api_error")), Unknown),
        ((302, {}), Unknown),
        ((400, {}), Unknown),
        ((200, []), Unknown),
        ((200, {"id": "pi_1"}), Unknown),
    ],
)
def test_knows_what_a_refusal_proves(adapter, wire, charge, answer, outcome):
    wire.says(answer[1], status=answer[0])
    assert isinstance(adapter.create(charge), outcome)


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (httpx2.ConnectError, NotProcessed),
        (httpx2.ConnectTimeout, NotProcessed),
        (httpx2.PoolTimeout, NotProcessed),
        (httpx2.ReadTimeout, Unknown),
        (httpx2.WriteError, Unknown),
        (httpx2.RemoteProtocolError, Unknown),
    ],
)
def test_knows_what_a_broken_connection_proves(adapter, wire, charge, failure, outcome):
    wire.fails(failure)
    assert isinstance(adapter.create(charge), outcome)
    assert isinstance(adapter.refund(refund_with(charge)), outcome)
    assert isinstance(adapter.probe(charge), Unknown)


def test_finds_its_charge_among_many(adapter, wire, charge):
    others = [intent(id=f"pi_{number}", metadata={"reference": "X"}) for number in range(2)]
    ours = intent(id="pi_9", metadata={"reference": charge.provider_key})
    wire.says({"data": others, "has_more": True})
    wire.says({"data": [ours], "has_more": False})
    assert adapter.probe(charge).payments[0].reference == "pi_9"
    first, second = [dict(call.url.params) for call in wire.calls]
    assert first == {
        "created[gte]": str(int(NOON.timestamp()) - 300),
        "created[lte]": str(int(NOON.timestamp()) + 300),
        "expand[]": "data.latest_charge",
        "limit": "100",
    }
    assert second == {**first, "starting_after": "pi_1"}


def test_does_not_take_many_for_none(adapter, wire, charge):
    wire.says({"data": [intent()], "has_more": True})
    assert adapter.probe(charge) == Unknown(
        code="too_many", message="There are too many objects to find one among them."
    )
    assert len(wire.calls) == MAX_PAGES


@pytest.mark.parametrize("content", [{}, {"data": None}, {"data": [5]}, {"data": [{}]}])
def test_is_in_doubt_about_a_list_that_it_cannot_read(adapter, wire, charge, content):
    wire.says(content)
    assert isinstance(adapter.probe(charge), Unknown)


def test_captures_under_its_own_key(adapter, wire, charge):
    wire.says(intent(amount_received=5000))
    held = replaced(charge, provider_reference="pi_1")
    capture = CaptureRequest(charge=held, operation_key="CAP1", amount=Money(5000, "THB"))
    assert adapter.capture(capture) == Done(
        reference="pi_1", amount=Money(5000, "THB"), details={"brand": "visa", "last4": "4242"}
    )
    assert wire.calls[0].url.path == "/v1/payment_intents/pi_1/capture"
    assert wire.form == {"amount_to_capture": "5000", "expand[]": "latest_charge"}
    assert wire.calls[0].headers["idempotency-key"] == "CAP1"


def test_tells_a_capture_that_was_made_before(adapter, wire, charge):
    wire.says(
        error("invalid_request_error", code="payment_intent_unexpected_state", payment_intent=intent()),
        status=400,
    )
    held = replaced(charge, provider_reference="pi_1")
    capture = CaptureRequest(charge=held, operation_key="CAP1", amount=Money(12550, "THB"))
    assert isinstance(adapter.capture(capture), Done)


def test_gives_back_as_stripe_documents_it(adapter, wire, charge):
    wire.says(refund())
    asked = refund_with(charge, payment_reference="pi_1")
    assert adapter.refund(asked) == Done(reference="re_1", amount=Money(5000, "THB"))
    assert wire.calls[0].url.path == "/v1/refunds"
    assert wire.calls[0].headers["idempotency-key"] == asked.operation_key
    assert wire.form == {
        "payment_intent": "pi_1",
        "amount": "5000",
        "metadata[reference]": asked.operation_key,
        "metadata[charge_reference]": charge.provider_key,
        "metadata[reason]": "cold soup",
    }


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (refund("succeeded"), Done),
        (refund("pending"), Accepted),
        (refund("requires_action"), Accepted),
        (refund("failed", failure_reason="lost_or_stolen_card"), Declined),
        (refund("failed", failure_balance_transaction="txn_1"), Reversed),
        (refund("canceled"), Declined),
        (refund("brand_new"), Unknown),
        (refund(amount=0), Unknown),
        (refund(id=""), Unknown),
    ],
)
def test_reads_every_state_of_a_refund(adapter, wire, charge, content, outcome):
    wire.says(content)
    assert isinstance(adapter.refund(refund_with(charge)), outcome)
    assert isinstance(adapter.probe_refund(refund_with(charge, provider_reference="re_1")), outcome)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("charge_already_refunded", Declined),
        ("charge_disputed", Declined),
        ("amount_too_large", NotProcessed),
    ],
)
def test_knows_what_the_refusal_of_a_refund_proves(adapter, wire, charge, code, outcome):
    wire.says(error("invalid_request_error", code=code), status=400)
    assert isinstance(adapter.refund(refund_with(charge)), outcome)


def test_finds_its_refund_among_those_of_the_payment(adapter, wire, charge):
    asked = refund_with(charge, payment_reference="pi_1")
    ours = refund(id="re_2", metadata={"reference": asked.operation_key})
    wire.says({"data": [refund(metadata={"reference": "X"}), ours], "has_more": False})
    assert adapter.probe_refund(asked).reference == "re_2"
    assert dict(wire.calls[0].url.params) == {"payment_intent": "pi_1", "limit": "100"}
    assert adapter.probe_refund(refund_with(charge)) == NeverHeard()


SIGNED_AT = dt.datetime.fromtimestamp(1700000000, dt.UTC)
BODY = b'{"id":"evt_test_1","object":"event","type":"payment_intent.succeeded"}'
V1 = "871acfe933554b446cc41d791076dd56a10c0553cc61aafbeb881d0082b45043"


@pytest.mark.parametrize(
    ("header", "holds"),
    [
        (f"t=1700000000,v1={V1}", True),
        (f"t=1700000000,v1={'0' * 64},v1={V1}", True),
        (f"v1={V1}, t=1700000000", True),
        (f"t=1700000000,v0={V1}", False),
        (f"t=1700000000,v1={V1.upper()}", False),
        (f"t=1700000001,v1={V1}", False),
        (f"t=1700000000,t=1700000000,v1={V1}", False),
        (f"t=,v1={V1}", False),
        (f"t=-1700000000,v1={V1}", False),
        (f"v1={V1}", False),
        ("t=1700000000", False),
        ("", False),
    ],
)
def test_checks_a_signature_byte_for_byte(adapter, header, holds):
    # The vector's event has no content: what passes the check is malformed.
    with pytest.raises(WebhookMalformed if holds else WebhookRefused):
        adapter.read_webhook(headers={"Stripe-Signature": header}, body=BODY, account=ACCOUNT, now=SIGNED_AT)
