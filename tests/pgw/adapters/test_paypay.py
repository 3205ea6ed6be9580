"""The PayPay adapter ..."""

import base64
import datetime as dt
import hashlib
import hmac

import httpx2
import msgspec
import pytest

from kernel.money import Money
from mpac.pgw.adapters.paypay.adapter import PayPayAdapter
from mpac.pgw.adapters.paypay.client import PayPayClient
from mpac.pgw.adapters.paypay.signing import Signer
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
    Unknown,
    Voided,
)
from mpac.pgw.errors import WebhookMalformed
from tests.pgw.adapters.wire import NOON, Wire, charge_with, refund_with, replaced

ACCOUNT = ProviderAccount(
    fields={}, credentials={"api_key": "the-key", "api_secret": "the-secret", "merchant_id": "the-merchant"}
)
OK = {"code": "SUCCESS", "message": "Success", "codeId": "08100001"}


@pytest.fixture
def wire(settings):
    settings.MPAC_PAYPAY_BASE_URL = "https://paypay.test/"
    return Wire()


@pytest.fixture
def adapter(wire):
    return PayPayAdapter(PayPayClient(transport=httpx2.MockTransport(wire)))


@pytest.fixture
def charge():
    return charge_with(ACCOUNT, amount=Money(1200, "JPY"), method="qr_code", description="Order 7")


@pytest.fixture
def refund(charge):
    return refund_with(charge, amount=Money(500, "JPY"), payment_reference="12345678901234567890")


@pytest.fixture
def capture(charge):
    return CaptureRequest(charge=charge, operation_key="CAPTURE1", amount=Money(1000, "JPY"))


def answer(data):
    return {"resultInfo": OK, "data": data}


def error(code):
    return {"resultInfo": {"code": code, "message": "No.", "codeId": "0"}, "data": None}


def code(**changes):
    values = {
        "codeId": "04-abcDEF_1",
        "url": "https://qr.paypay.ne.jp/abc",
        "expiryDate": int(NOON.timestamp()) + 300,
    }
    return answer({**values, **changes})


def payment(status="COMPLETED", **changes):
    values = {
        "paymentId": "12345678901234567890",
        "status": status,
        "acceptedAt": int(NOON.timestamp()),
        "merchantPaymentId": "x",
        "amount": {"amount": 1200, "currency": "JPY"},
    }
    return answer({**values, **changes})


def refunded(status="REFUNDED", amount=500, currency="JPY"):
    money = {"amount": amount, "currency": currency}
    return answer({"status": status, "merchantRefundId": "R1", "paymentId": "1", "amount": money})


def sent(wire):
    return [(call.method, call.url.path) for call in wire.calls]


def test_signs_as_documented():
    signer = Signer(key="APIKeyGenerated", secret="APIKeySecretGenerated")
    body = b'{"sampleRequestBodyKey1":"sampleRequestBodyValue1","sampleRequestBodyKey2":"sampleRequestBodyValue2"}'
    header = signer.authorization(
        method="POST",
        path="/v2/codes",
        body=body,
        content_type="application/json;charset=UTF-8;",
        nonce="acd028",
        epoch=1579843452,
    )
    assert header == (
        "hmac OPA-Auth:APIKeyGenerated:NW1jKIMnzR7tEhMWtcJcaef+nFVBt7jjAGcVuxHhchc=:acd028:1579843452:"
        "1j0FnY4flNp5CtIKa7x9MQ=="
    )


def test_signs_the_very_bytes_it_sends(adapter, wire, charge):
    wire.says(code(), status=201)
    adapter.create(charge)
    [call] = wire.calls
    kind = call.headers["content-type"]
    digest = base64.b64encode(
        hashlib.md5(kind.encode() + call.content, usedforsecurity=False).digest()
    ).decode()
    scheme, _, text = call.headers["authorization"].partition(" ")
    name, key, signature, nonce, epoch, said = text.split(":")
    message = "\n".join(["/v2/codes", "POST", nonce, epoch, kind, digest])
    expected = base64.b64encode(hmac.new(b"the-secret", message.encode(), "sha256").digest()).decode()
    assert (scheme, name, key, signature, said) == ("hmac", "OPA-Auth", "the-key", expected, digest)
    assert (int(epoch), len(nonce)) == (int(NOON.timestamp()), 8)
    assert call.headers["x-assume-merchant"] == "the-merchant"


def test_signs_the_word_empty_where_there_is_no_body(adapter, wire, charge):
    wire.says(payment())
    adapter.probe(charge)
    [call] = wire.calls
    _, _, signature, nonce, epoch, said = call.headers["authorization"].split(":")
    path = f"/v2/codes/payments/{charge.provider_key}"
    message = "\n".join([path, "GET", nonce, epoch, "empty", "empty"])
    assert (
        signature == base64.b64encode(hmac.new(b"the-secret", message.encode(), "sha256").digest()).decode()
    )
    assert said == "empty"
    assert "content-type" not in call.headers


def test_signs_every_call_with_another_nonce(adapter, wire, charge):
    wire.says(payment())
    for _ in range(20):
        adapter.probe(charge)
    assert len({call.headers["authorization"].split(":")[3] for call in wire.calls}) == 20


def test_asks_for_a_code_in_whole_yen(adapter, wire, charge):
    wire.says(code(), status=201)
    outcome = adapter.create(charge)
    assert msgspec.json.decode(wire.calls[0].content) == {
        "merchantPaymentId": charge.provider_key,
        "amount": {"amount": 1200, "currency": "JPY"},
        "codeType": "ORDER_QR",
        "requestedAt": int(NOON.timestamp()),
        "isAuthorization": False,
        "orderDescription": "Order 7",
    }
    assert outcome == ActionRequired(
        next_action={
            "type": "display_qr",
            "qr_payload": "https://qr.paypay.ne.jp/abc",
            "expires_at": "2026-11-21T05:05:00.000Z",
        },
        provider_reference="04-abcDEF_1",
    )


def test_shows_a_code_no_longer_than_the_intent_lives(adapter, wire, charge):
    for expiry, shown in ((None, "05:10"), (int(NOON.timestamp()) + 3600, "05:10"), (10**15, "05:10")):
        wire.answers.clear()
        wire.says(code(expiryDate=expiry), status=201)
        assert adapter.create(charge).next_action["expires_at"] == f"2026-11-21T{shown}:00.000Z"


def test_asks_for_a_hold(adapter, wire, charge):
    wire.says(code(), status=201)
    adapter.create(replaced(charge, capture=False))
    assert msgspec.json.decode(wire.calls[0].content)["isAuthorization"] is True


def test_sends_no_other_currency(adapter, wire, charge):
    assert isinstance(adapter.create(replaced(charge, amount=Money(100, "THB"))), NotProcessed)
    assert wire.calls == []


@pytest.mark.parametrize(
    "data",
    [
        {"codeId": ""},
        {"codeId": "a/b"},
        {"codeId": 5},
        {"url": ""},
        {"url": "javascript:alert(1)"},
        {"url": "https://qr.paypay.ne.jp/ペイ"},
        {"url": None},
    ],
)
def test_takes_a_code_that_nobody_can_scan_for_no_answer(adapter, wire, charge, data):
    wire.says(code(**data), status=201)
    assert isinstance(adapter.create(charge), Unknown)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (("UNACCEPTABLE_OP", 400), Declined),
        (("CANCELED_USER", 400), Declined),
        (("TRANSACTION_FAILED", 500), Declined),
        (("INVALID_REQUEST_PARAMS", 400), NotProcessed),
        (("UNAUTHORIZED", 401), NotProcessed),
        (("OP_OUT_OF_SCOPE", 401), NotProcessed),
        (("OPA_CLIENT_NOT_FOUND", 404), NotProcessed),
        (("RATE_LIMIT", 429), NotProcessed),
        (("SERVICE_ERROR", 500), Unknown),
        (("INTERNAL_SERVER_ERROR", 500), Unknown),
        (("MAINTENANCE_MODE", 503), Unknown),
        (("TEAPOT", 302), Unknown),
    ],
)
def test_tells_refusals_apart(adapter, wire, refund, said, kind):
    name, status = said
    wire.says(error(name), status=status)
    assert type(adapter.create(refund.charge)) is kind
    assert type(adapter.refund(refund)) is kind


def test_ends_a_charge_whose_code_was_lost(adapter, wire, charge):
    wire.says(error("DUPLICATE_DYNAMIC_QR_REQUEST"), status=400)
    wire.says(payment("CREATED", paymentId=None))
    wire.says({"resultInfo": {"code": "REQUEST_ACCEPTED"}, "data": None}, status=202)
    assert adapter.create(charge) == Voided()
    assert sent(wire) == [
        ("POST", "/v2/codes"),
        ("GET", f"/v2/codes/payments/{charge.provider_key}"),
        ("DELETE", f"/v2/payments/{charge.provider_key}"),
    ]


def test_takes_the_money_of_a_lost_code_that_was_paid(adapter, wire, charge):
    wire.says(error("DUPLICATE_DYNAMIC_QR_REQUEST"), status=400)
    wire.says(payment())
    assert isinstance(adapter.create(charge), Approved)
    assert len(wire.calls) == 2


def test_waits_for_a_lost_code_that_cannot_be_called_off(adapter, wire, charge):
    wire.says(error("DUPLICATE_DYNAMIC_QR_REQUEST"), status=400)
    wire.says(payment("CREATED"))
    wire.says(error("RESOURCE_NOT_FOUND"), status=404)
    wire.says(payment("CREATED"))
    assert adapter.create(charge) == Pending()


def test_deletes_a_code_that_it_knows(adapter, wire, charge):
    wire.says(payment("CREATED"))
    wire.says(answer(None))
    assert adapter.void(replaced(charge, provider_reference="04-abc")) == Voided()
    assert sent(wire)[1] == ("DELETE", "/v2/codes/04-abc")


def test_keeps_the_money_of_a_code_that_was_paid_meanwhile(adapter, wire, charge):
    wire.says(payment("CREATED"))
    wire.says(error("DYNAMIC_QR_ALREADY_PAID"), status=400)
    wire.says(payment())
    assert isinstance(adapter.void(replaced(charge, provider_reference="04-abc")), Approved)


def test_is_in_doubt_when_a_code_cannot_be_deleted(adapter, wire, charge):
    wire.says(payment("CREATED"))
    wire.says(error("DYNAMIC_QR_BAD_REQUEST"), status=400)
    wire.says(payment("CREATED"))
    assert isinstance(adapter.void(charge), Unknown)


def test_lets_a_hold_go_under_its_own_id(adapter, wire, charge):
    wire.says(payment("AUTHORIZED"))
    wire.says(answer({"status": "CANCELED"}))
    assert adapter.void(charge) == Voided()
    assert sent(wire)[1] == ("POST", "/v2/payments/preauthorize/revert")
    body = msgspec.json.decode(wire.calls[1].content)
    assert body["paymentId"] == "12345678901234567890"
    assert body["merchantRevertId"] == charge.provider_key


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("COMPLETED", Approved),
        ("REFUNDED", Approved),
        ("AUTHORIZED", Authorized),
        ("CREATED", Pending),
        ("CANCELED", Voided),
        ("EXPIRED", Voided),
        ("FAILED", Declined),
        ("REAUTHORIZING", Unknown),
        ("", Unknown),
    ],
)
def test_reads_every_state(adapter, wire, charge, status, kind):
    wire.says(payment(status))
    assert type(adapter.probe(charge)) is kind


def test_tells_what_was_paid_and_when(adapter, wire, charge):
    wire.says(payment())
    [paid] = adapter.probe(charge).payments
    assert (paid.reference, paid.amount, paid.paid_at) == ("12345678901234567890", Money(1200, "JPY"), NOON)


def test_tells_how_much_of_a_hold_was_taken(adapter, wire, charge, capture):
    taken = {"merchantCaptureId": "CAPTURE1", "amount": {"amount": 1000, "currency": "JPY"}}
    wire.says(payment(captures={"data": [taken]}))
    [paid] = adapter.probe(charge).payments
    assert paid.amount == Money(1000, "JPY")
    assert adapter.probe_capture(capture) == Done(reference=paid.reference, amount=paid.amount)
    other = replaced(capture, operation_key="CAPTURE2")
    assert isinstance(adapter.probe_capture(other), Declined)


def test_finds_out_that_a_hold_was_taken_before(adapter, wire, capture):
    wire.says(error("ALREADY_CAPTURED"), status=400)
    wire.says(payment(amount={"amount": 1000, "currency": "JPY"}))
    assert isinstance(adapter.capture(capture), Done)


@pytest.mark.parametrize(
    ("status", "kind"), [("EXPIRED", Declined), ("FAILED", Unknown), ("AUTHORIZED", NeverHeard)]
)
def test_reads_every_state_of_a_hold(adapter, wire, capture, status, kind):
    wire.says(payment(status))
    assert type(adapter.probe_capture(capture)) is kind


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": {"amount": 0, "currency": "JPY"}},
        {"amount": {"amount": -5, "currency": "JPY"}},
        {"amount": {"amount": 1.5, "currency": "JPY"}},
        {"amount": {"amount": 100, "currency": "USD"}},
        {"amount": {"amount": 100, "currency": "XXX"}},
        {"amount": None},
        {"paymentId": None},
        {"paymentId": "x" * 65},
        {"paymentId": "พัน"},
        {"status": None},
    ],
)
def test_learns_nothing_from_a_payment_that_cannot_be_read(adapter, wire, charge, changes):
    wire.says(payment(**changes))
    assert isinstance(adapter.probe(charge), Unknown)


@pytest.mark.parametrize("content", [None, [], {}, {"resultInfo": None}, {"resultInfo": {"code": 5}}, "x"])
def test_learns_nothing_from_an_answer_that_cannot_be_read(adapter, wire, charge, refund, content):
    wire.says(content)
    for outcome in (
        adapter.create(charge),
        adapter.probe(charge),
        adapter.void(charge),
        adapter.refund(refund),
        adapter.probe_refund(refund),
    ):
        assert isinstance(outcome, Unknown)


def test_asks_for_a_refund_of_the_payment(adapter, wire, refund):
    wire.says(refunded())
    assert adapter.refund(refund) == Done(reference="R1", amount=Money(500, "JPY"))
    assert msgspec.json.decode(wire.calls[0].content) == {
        "merchantRefundId": refund.operation_key,
        "paymentId": "12345678901234567890",
        "amount": {"amount": 500, "currency": "JPY"},
        "requestedAt": int(NOON.timestamp()),
        "reason": "cold soup",
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [("REFUNDED", Done), ("CREATED", Accepted), ("REFUND_FAILED", Declined), ("LOST", Unknown)],
)
def test_reads_every_state_of_a_refund(adapter, wire, refund, status, kind):
    wire.says(refunded(status))
    assert type(adapter.probe_refund(refund)) is kind


def test_knows_that_a_refund_was_never_asked_for(adapter, wire, refund):
    wire.says(error("NO_SUCH_REFUND_ORDER"), status=404)
    assert adapter.probe_refund(refund) == NeverHeard()
    assert sent(wire) == [("GET", f"/v2/refunds/{refund.operation_key}")]


def test_gives_all_its_questions_one_deadline(adapter, wire, charge):
    wire.says(error("DUPLICATE_DYNAMIC_QR_REQUEST"), status=400)
    wire.fails(httpx2.ReadTimeout)
    assert isinstance(adapter.create(charge), Unknown)
    assert len(wire.calls) == 2


def notice(**changes):
    values = {
        "notification_type": "Transaction",
        "merchant_id": "the-merchant",
        "order_id": "12345678901234567890",
        "merchant_order_id": "KEY1",
        "state": "COMPLETED",
        "order_amount": "1200",
        "paid_at": "2026-11-21T14:00:00+09:00",
    }
    return msgspec.json.encode({**values, **changes})


def read(adapter, body):
    return adapter.read_webhook(headers={}, body=body, account=None, now=NOON + dt.timedelta(days=9))


def test_takes_a_notice_for_a_hint(adapter):
    hint = read(adapter, notice())
    assert (hint.provider_key, hint.provider_reference) == ("KEY1", "12345678901234567890")
    assert (hint.payments, hint.answer) == ((), {})


def test_takes_notices_about_different_states_for_different_notices(adapter):
    keys = {
        read(adapter, notice(**changes)).dedupe_key
        for changes in ({}, {"state": "AUTHORIZED"}, {"order_id": "2"}, {"merchant_order_id": "KEY2"})
    }
    assert len(keys) == 4
    assert read(adapter, notice()).dedupe_key == read(adapter, notice(order_amount="9")).dedupe_key


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        notice(order_id=""),
        notice(order_id=5),
        notice(merchant_order_id="x" * 65),
        notice(merchant_order_id="\x00"),
        notice(state=None),
    ],
)
def test_refuses_what_is_no_notice(adapter, body):
    with pytest.raises(WebhookMalformed):
        read(adapter, body)
