"""Adyen's notices ..."""

import base64
import hmac
import json

import pytest

from kernel.money import Money
from mpac.pgw.adapters.adyen.adapter import AdyenAdapter
from mpac.pgw.adapters.port import (
    Authorized,
    CaptureNews,
    Declined,
    NeverHeard,
    ProviderAccount,
    Reversed,
    Voided,
)
from mpac.pgw.errors import WebhookMalformed, WebhookRefused
from tests.pgw.adapters.wire import NOON, replaced

KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
SIGNED = "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="
SIGNED_REFUND = "J7HhsgZo5KwqdB7LFZJV6rfQgp+RqC2kuYyw/3x3w+8="
ACCOUNT = ProviderAccount(
    fields={"merchant_account": "TestMerchant", "return_url": "https://shop.example/back"},
    credentials={"api_key": "AQE-key", "webhook_secret": KEY},
)


@pytest.fixture
def adapter():
    return AdyenAdapter()


def notice(signature=SIGNED, **changes):
    item = {
        "pspReference": "7914073381342284",
        "originalReference": "",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
        "additionalData": {"hmacSignature": signature},
        **changes,
    }
    return envelope(item)


def envelope(*items):
    entries = [{"NotificationRequestItem": item} for item in items]
    return json.dumps({"live": "false", "notificationItems": entries}).encode()


def signed(**changes):
    """A notice that says something else, signed as Adyen would."""
    item = json.loads(notice(**changes))["notificationItems"][0]["NotificationRequestItem"]
    success = item["success"] if isinstance(item["success"], str) else str(item["success"]).lower()
    text = ":".join(
        [
            *(item[name] for name in ("pspReference", "originalReference", "merchantAccountCode")),
            *(item["merchantReference"], str(item["amount"]["value"]), item["amount"]["currency"]),
            *(item["eventCode"], success),
        ]
    )
    digest = hmac.new(bytes.fromhex(KEY), text.encode(), "sha256").digest()
    return envelope({**item, "additionalData": {"hmacSignature": base64.b64encode(digest).decode()}})


def read(adapter, body, *, account=ACCOUNT):
    return adapter.read_webhook(headers={}, body=body, account=account, now=NOON)


@pytest.mark.parametrize("success", ["true", True])
def test_checks_a_signature_byte_for_byte(adapter, success):
    hint = read(adapter, notice(success=success))
    assert (hint.provider_key, hint.provider_reference) == ("TestPayment-1407325143704", "7914073381342284")
    assert [(each.reference, each.amount) for each in hint.payments] == [
        ("7914073381342284", Money(1130, "EUR"))
    ]
    assert hint.answer == "[accepted]"


def test_checks_the_signature_of_a_refund_too(adapter):
    amount = {"value": 0, "currency": "EUR"}
    with pytest.raises(WebhookMalformed):  # it holds, but gives nothing back
        read(adapter, notice(SIGNED_REFUND, eventCode="REFUND", amount=amount))


@pytest.mark.parametrize(
    "changes",
    [
        {"pspReference": "7914073381342285"},
        {"originalReference": "1"},
        {"merchantAccountCode": "TestMerchant2"},
        {"merchantReference": "TestPayment"},
        {"amount": {"value": 1131, "currency": "EUR"}},
        {"amount": {"value": 1130, "currency": "USD"}},
        {"eventCode": "CAPTURE"},
        {"success": "false"},
        {"success": False},
        {"additionalData": {}},
        {"additionalData": {"hmacSignature": ""}},
        {"additionalData": {"hmacSignature": 5}},
        {"additionalData": {"hmacSignature": SIGNED[:-1]}},
        {"additionalData": {"hmacSignature": SIGNED_REFUND}},
    ],
)
def test_refuses_a_notice_of_which_a_signed_field_was_changed(adapter, changes):
    with pytest.raises(WebhookRefused):
        read(adapter, notice(**changes))


def test_refuses_a_notice_for_another_account(adapter):
    other = ProviderAccount(fields={"merchant_account": "Other"}, credentials=ACCOUNT.credentials)
    with pytest.raises(WebhookRefused):
        read(adapter, notice(), account=other)


@pytest.mark.parametrize("secret", ["no hexadecimal", "44782", "ร้าน"])
def test_refuses_a_notice_when_its_own_key_is_none(adapter, secret):
    with pytest.raises(WebhookRefused):
        read(adapter, notice(), account=replaced(ACCOUNT, credentials={"webhook_secret": secret}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        envelope(),
        envelope({}),
        envelope(*[json.loads(notice())["notificationItems"][0]["NotificationRequestItem"]] * 2),
        signed(pspReference=""),
        signed(pspReference="x" * 100),
        signed(amount={"value": -5, "currency": "EUR"}),
        signed(amount={"value": 5, "currency": "???"}),
        signed(merchantReference="x" * 300),
    ],
)
def test_refuses_nonsense(adapter, body):
    with pytest.raises(WebhookMalformed):
        read(adapter, body)


def test_never_raises_anything_else(adapter):
    whole = notice()
    for cut in range(len(whole)):
        with pytest.raises((WebhookMalformed, WebhookRefused)):
            read(adapter, whole[:cut])


PROVEN = [
    (
        {"merchantReference": "K-hold"},
        {"state": Authorized(reference="7914073381342284", amount=Money(1130, "EUR"))},
    ),
    ({"success": "false"}, {"state": Declined(code="refused", message="The provider refused.")}),
    ({"eventCode": "CANCELLATION", "originalReference": "P"}, {"state": Voided()}),
    ({"eventCode": "CANCELLATION", "success": "false"}, {}),
    ({"eventCode": "TECHNICAL_CANCEL", "originalReference": "P"}, {"state": Voided(reference="P")}),
    ({"eventCode": "TECHNICAL_CANCEL", "success": "false"}, {"state": NeverHeard()}),
    # There is a payment, whatever is said about it.
    (
        {
            "eventCode": "TECHNICAL_CANCEL",
            "success": "false",
            "originalReference": "P",
            "reason": "Payment not found",
        },
        {},
    ),
    (
        {"eventCode": "CAPTURE", "success": "false"},
        {
            "capture": CaptureNews(
                amount=Money(1130, "EUR"), outcome=Declined(code="refused", message="The provider refused.")
            )
        },
    ),
    ({"eventCode": "REPORT_AVAILABLE"}, {}),
    ({"eventCode": "NOTIFICATION_OF_FRAUD"}, {}),
]


@pytest.mark.parametrize(("changes", "proven"), PROVEN)
def test_knows_what_a_notice_proves(adapter, changes, proven):
    hint = read(adapter, signed(**changes))
    facts = {name: getattr(hint, name) for name in ("state", "capture", "refund", "dispute")}
    assert {name: fact for name, fact in facts.items() if fact is not None} == proven
    assert hint.payments == ()
    assert hint.provider_key in ("K", "TestPayment-1407325143704")


@pytest.mark.parametrize(("key", "counted_as"), [("K-hold", "7914073381342284"), ("K", "PAID1")])
def test_of_a_capture_counts_what_was_taken_at_once_no_second_time(adapter, key, counted_as):
    body = signed(eventCode="CAPTURE", originalReference="PAID1", merchantReference=key)
    hint = read(adapter, body)
    assert [(each.reference, each.amount) for each in hint.payments] == [(counted_as, Money(1130, "EUR"))]
    assert (hint.provider_key, hint.provider_reference) == ("K", "PAID1")


def test_tells_that_a_refund_failed_or_came_back(adapter):
    failed = read(adapter, signed(eventCode="REFUND", success="false")).refund
    assert (failed.operation_key, type(failed.outcome)) == ("TestPayment-1407325143704", Declined)
    assert isinstance(read(adapter, signed(eventCode="REFUND_FAILED")).refund.outcome, Reversed)
    assert isinstance(read(adapter, signed(eventCode="REFUNDED_REVERSED")).refund.outcome, Reversed)
