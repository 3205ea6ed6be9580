"""The Omise adapter ..."""

import datetime as dt

import httpx2
import pytest

from kernel.money import Money
from mpac.pgw.adapters.omise.adapter import OmiseAdapter
from mpac.pgw.adapters.omise.client import MAX_PAGES, OmiseClient
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
from mpac.pgw.errors import WebhookMalformed, WebhookRefused
from tests.pgw.adapters.wire import NOON, Wire, charge_with, refund_with, replaced

ACCOUNT = ProviderAccount(
    fields={"return_url": "https://shop.example/back"},
    credentials={"secret_key": "skey_test_1", "webhook_secret": "dGVzdC13ZWJob29rLXNlY3JldA=="},
)
IMAGE = {"scannable_code": {"image": {"download_uri": "https://api.omise.co/qr.svg"}}}


@pytest.fixture
def wire(settings):
    settings.MPAC_OMISE_BASE_URL = "http://omise.test"
    return Wire()


@pytest.fixture
def adapter(wire):
    return OmiseAdapter(OmiseClient(transport=httpx2.MockTransport(wire)))


@pytest.fixture
def charge():
    return charge_with(ACCOUNT, payment_token="tokn_test_1", description="Order 7")


@pytest.fixture
def held(charge):
    return replaced(charge, provider_reference="chrg_1", capture=False)


def shown(status="successful", **changes):
    values = {
        "object": "charge",
        "id": "chrg_1",
        "status": status,
        "amount": 12550,
        "currency": "THB",
        "captured_amount": 12550 if status == "successful" else 0,
        "capturable": False,
        "metadata": {},
        "card": {"brand": "Visa", "last_digits": "4242"},
        "expires_at": "2026-11-28T05:00:00Z",
        "paid_at": "2026-11-21T05:00:00Z" if status == "successful" else None,
    }
    return {**values, **changes}


def error(code):
    return {"object": "error", "location": "x", "code": code, "message": "No."}


def refund(status="closed", **changes):
    return {
        "object": "refund",
        "id": "rfnd_1",
        "status": status,
        "amount": 5000,
        "currency": "THB",
        **changes,
    }


def listing(*members, total=None):
    return {"object": "list", "data": list(members), "total": len(members) if total is None else total}


def test_asks_for_a_card_charge_as_omise_documents_it(adapter, wire, charge):
    wire.says(shown())
    adapter.create(charge)
    [call] = wire.calls
    assert (call.method, str(call.url)) == ("POST", "http://omise.test/charges")
    assert wire.form == {
        "amount": "12550",
        "currency": "thb",
        "description": "Order 7",
        "metadata[reference]": charge.provider_key,
        "card": "tokn_test_1",
        "capture": "true",
        "return_uri": "https://shop.example/back",
    }
    assert call.headers["authorization"] == "Basic c2tleV90ZXN0XzE6"
    assert call.headers["omise-version"] == "2019-05-29"
    assert call.headers["idempotency-key"] == charge.provider_key


@pytest.mark.parametrize(("right", "kind"), [("yes", "pre_auth"), ("no", None)])
def test_announces_a_partial_capture_where_the_account_may(adapter, wire, charge, right, kind):
    wire.says(shown("pending", capturable=True))
    account = ProviderAccount(fields={"partial_capture": right}, credentials=ACCOUNT.credentials)
    adapter.create(replaced(charge, account=account, capture=False))
    assert wire.form["capture"] == "false"
    assert wire.form.get("authorization_type") == kind


@pytest.mark.parametrize(
    ("life", "asked"),
    [(dt.timedelta(minutes=10), "2026-11-21T05:10:00.000Z"), (dt.timedelta(hours=2), None)],
)
def test_asks_for_promptpay_and_shows_the_picture(adapter, wire, charge, life, asked):
    wire.says(shown("pending", card=None, source=IMAGE))
    outcome = adapter.create(replaced(charge, method="qr_code", payment_token=None, expires_at=NOON + life))
    assert wire.form["source[type]"] == "promptpay"
    assert wire.form.get("expires_at") == asked
    assert outcome == ActionRequired(
        next_action={
            "type": "display_image",
            "image_url": "https://api.omise.co/qr.svg",
            "expires_at": "2026-11-28T05:00:00.000Z",
        },
        provider_reference="chrg_1",
    )


@pytest.mark.parametrize(
    ("notice", "told"),
    [("https://mpac.example/v1/webhooks/omise/pca_1", True), ("http://mpac.example/x", False), (None, False)],
)
def test_tells_where_events_go_if_that_is_safe(adapter, wire, charge, notice, told):
    wire.says(shown())
    adapter.create(replaced(charge, notice_url=notice))
    assert (wire.form.get("webhook_endpoints[]") == notice) is told or notice is None
    assert ("webhook_endpoints[]" in wire.form) is told


def test_tells_the_money_and_the_card(adapter, wire, charge):
    wire.says(shown(captured_amount=5000))
    [payment] = adapter.create(charge).payments
    assert (payment.reference, payment.amount) == ("chrg_1", Money(5000, "THB"))
    assert payment.paid_at == NOON
    assert payment.details == {"brand": "Visa", "last4": "4242"}


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (shown("successful"), Approved),
        (shown("successful", captured_amount=None), Approved),
        (shown("pending", capturable=True), Authorized),
        (shown("pending", authorize_uri="https://pay.omise.co/1"), ActionRequired),
        (shown("pending"), Unknown),
        (shown("pending", source={"type": "promptpay"}), Unknown),
        (shown("failed", failure_code="insufficient_fund"), Declined),
        (shown("failed"), Declined),
        (shown("expired"), Voided),
        (shown("reversed"), Voided),
        (shown("brand_new"), Unknown),
        (shown("successful", captured_amount=0), Unknown),
        (shown("successful", currency="XXX"), Unknown),
        (shown("successful", id=""), Unknown),
        (shown("successful", amount="12550"), Unknown),
        ([], Unknown),
        ({}, Unknown),
    ],
)
def test_reads_every_state_of_a_charge(adapter, wire, charge, state, outcome):
    wire.says(state)
    assert isinstance(adapter.create(charge), outcome)
    known = Pending if outcome is ActionRequired else outcome
    assert isinstance(adapter.probe(replaced(charge, provider_reference="chrg_1")), known)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, NotProcessed),
        (401, NotProcessed),
        (404, NotProcessed),
        (429, NotProcessed),
        (500, Unknown),
        (409, Unknown),
    ],
)
def test_knows_what_a_refusal_proves(adapter, wire, charge, status, outcome):
    wire.says(error("bad_request"), status=status)
    assert isinstance(adapter.create(charge), outcome)


def test_takes_an_error_for_an_error_whatever_its_status(adapter, wire, charge):
    wire.says(error("internal_error"))
    assert isinstance(adapter.create(charge), Unknown)


def test_asks_whether_a_used_token_was_used_by_this_very_charge(adapter, wire, charge):
    wire.says(error("used_token"), status=400)
    wire.says(listing(shown(metadata={"reference": charge.provider_key})))
    assert isinstance(adapter.create(charge), Approved)
    assert [call.method for call in wire.calls] == ["POST", "GET"]


def test_refuses_a_token_that_another_charge_used(adapter, wire, charge):
    wire.says(error("used_token"), status=400)
    wire.says(listing(shown(metadata={"reference": 5}), shown(metadata={"reference": "X"})))
    assert adapter.create(charge) == NotProcessed(code="used_token", message="No.")


def test_is_in_doubt_about_a_used_token_when_it_cannot_ask(adapter, wire, charge):
    wire.says(error("used_token"), status=400)
    wire.says(error("internal_error"), status=500)
    assert isinstance(adapter.create(charge), Unknown)


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(httpx2.ConnectError, NotProcessed), (httpx2.ReadTimeout, Unknown), (httpx2.ReadError, Unknown)],
)
def test_knows_what_a_broken_connection_proves(adapter, wire, charge, failure, outcome):
    wire.fails(failure)
    assert isinstance(adapter.create(charge), outcome)
    assert isinstance(adapter.refund(refund_with(charge)), outcome)
    assert isinstance(adapter.probe(charge), Unknown)


def test_finds_its_charge_among_many(adapter, wire, charge):
    wire.says(listing(shown(id="chrg_8"), total=101))
    wire.says(listing(shown(id="chrg_9", metadata={"reference": charge.provider_key}), total=101))
    assert adapter.probe(charge).payments[0].reference == "chrg_9"
    first, second = [dict(call.url.params) for call in wire.calls]
    assert first == {
        "from": "2026-11-21T04:55:00.000Z",
        "to": "2026-11-21T05:05:00.000Z",
        "order": "reverse_chronological",
        "limit": "100",
        "offset": "0",
    }
    assert second == {**first, "offset": "100"}


def test_does_not_take_many_for_none(adapter, wire, charge):
    wire.says(listing(shown(), total=10_000))
    assert adapter.probe(charge).code == "too_many"
    assert len(wire.calls) == MAX_PAGES


@pytest.mark.parametrize("content", [{}, listing(5), {"data": [], "total": "1"}, {"data": {}, "total": 1}])
def test_is_in_doubt_about_a_list_that_it_cannot_read(adapter, wire, charge, content):
    wire.says(content)
    assert isinstance(adapter.probe(charge), Unknown)


def test_names_the_amount_of_a_partial_capture_only(adapter, wire, held):
    wire.says(shown())
    adapter.capture(CaptureRequest(charge=held, operation_key="CAP1", amount=Money(12550, "THB")))
    assert wire.form == {}
    adapter.capture(CaptureRequest(charge=held, operation_key="CAP2", amount=Money(5000, "THB")))
    assert wire.form == {"capture_amount": "5000"}
    assert [call.url.path for call in wire.calls] == ["/charges/chrg_1/capture"] * 2
    assert [call.headers["idempotency-key"] for call in wire.calls] == ["CAP1", "CAP2"]


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (shown(), Done),
        (shown("pending", capturable=True), NotProcessed),
        (shown("reversed"), Declined),
        (error("internal_error"), Unknown),
    ],
)
def test_asks_what_a_refused_capture_means(adapter, wire, held, found, outcome):
    wire.says(error("failed_capture"), status=400)
    wire.says(found)
    capture = CaptureRequest(charge=held, operation_key="CAP1", amount=Money(12550, "THB"))
    assert isinstance(adapter.capture(capture), outcome)


@pytest.mark.parametrize(
    ("state", "path"),
    [
        (shown("pending", capturable=True), "/charges/chrg_1/reverse"),
        (shown("pending", source=IMAGE), "/charges/chrg_1/expire"),
    ],
)
def test_lets_a_hold_go_and_makes_a_code_unpayable(adapter, wire, held, state, path):
    wire.says(state)
    wire.says(shown("reversed"))
    assert adapter.void(held) == Voided()
    assert [call.url.path for call in wire.calls] == ["/charges/chrg_1", path]


def test_gives_back_as_omise_documents_it(adapter, wire, charge):
    wire.says(refund())
    asked = refund_with(charge, payment_reference="chrg_1")
    assert adapter.refund(asked) == Done(reference="rfnd_1", amount=Money(5000, "THB"))
    assert wire.calls[0].url.path == "/charges/chrg_1/refunds"
    assert wire.form == {
        "amount": "5000",
        "metadata[reference]": asked.operation_key,
        "metadata[charge_reference]": charge.provider_key,
        "metadata[reason]": "cold soup",
    }


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (refund("closed"), Done),
        (refund("pending"), Accepted),
        (refund("rejected"), Reversed),
        (refund("brand_new"), Unknown),
        (refund(amount=0), Unknown),
        (refund(id=""), Unknown),
    ],
)
def test_reads_every_state_of_a_refund(adapter, wire, charge, content, outcome):
    wire.says(content)
    assert isinstance(adapter.refund(refund_with(charge)), outcome)
    assert isinstance(adapter.probe_refund(refund_with(charge, provider_reference="rfnd_1")), outcome)


def test_asks_whether_a_refused_refund_was_made_before(adapter, wire, charge):
    asked = refund_with(charge, payment_reference="chrg_1")
    wire.says(error("failed_refund"), status=400)
    wire.says(listing(refund(metadata={"reference": asked.operation_key})))
    assert isinstance(adapter.refund(asked), Done)


def test_tells_a_refused_refund_that_was_never_made(adapter, wire, charge):
    wire.says(error("failed_refund"), status=400)
    wire.says(listing(refund()))
    assert adapter.refund(refund_with(charge)) == NotProcessed(code="failed_refund", message="No.")
    assert adapter.probe_refund(refund_with(charge)) == NeverHeard()


SIGNED_AT = dt.datetime.fromtimestamp(1700000000, dt.UTC)
BODY = b'{"object":"event","id":"evnt_test_1","key":"charge.complete","data":{"object":"charge","id":"chrg_test_1"}}'
SIGNATURE = "77b24f5bbd9e36cbee58526245448c80b835164a382a0dda84a7b4015b86fb36"


@pytest.mark.parametrize(
    ("signature", "signed_at", "holds"),
    [
        (SIGNATURE, "1700000000", True),
        (f"{'0' * 64},{SIGNATURE}", "1700000000", True),
        (f"{SIGNATURE}, {'0' * 64}", "1700000000", True),
        (SIGNATURE.upper(), "1700000000", False),
        (SIGNATURE, "1700000001", False),
        (SIGNATURE, "", False),
        ("", "1700000000", False),
    ],
)
def test_checks_a_signature_byte_for_byte(adapter, signature, signed_at, holds):
    headers = {"Omise-Signature": signature, "Omise-Signature-Timestamp": signed_at}
    # The vector's charge has no amount: what passes the check is malformed.
    with pytest.raises(WebhookMalformed if holds else WebhookRefused):
        adapter.read_webhook(headers=headers, body=BODY, account=ACCOUNT, now=SIGNED_AT)


def test_refuses_to_check_with_a_secret_that_is_no_secret(adapter):
    account = replaced(ACCOUNT, credentials={"webhook_secret": "not base64!"})
    headers = {"Omise-Signature": SIGNATURE, "Omise-Signature-Timestamp": "1700000000"}
    with pytest.raises(WebhookRefused):
        adapter.read_webhook(headers=headers, body=BODY, account=account, now=SIGNED_AT)
