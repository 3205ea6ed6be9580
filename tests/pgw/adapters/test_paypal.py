"""PayPal, beyond what every provider promises ..."""

import logging

import httpx2
import msgspec
import pytest

from kernel.money import Money
from mpac.pgw.adapters.paypal.adapter import PayPalAdapter
from mpac.pgw.adapters.paypal.client import PayPalClient
from mpac.pgw.adapters.port import (
    Accepted,
    ActionRequired,
    Agreed,
    Approved,
    Authorized,
    ByHand,
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
from tests.pgw.adapters.wire import Wire, charge_with, refund_with, replaced

ACCOUNT = ProviderAccount(
    fields={"return_url": "https://shop.example/back"},
    credentials={"client_id": "the-client-id", "client_secret": "the-client-secret"},
)
ORDER, CAPTURE, HOLD = "5O190127TN364715T", "3C679366HH908993F", "0VF52814937998046"
AMOUNT = {"currency_code": "THB", "value": "125.50"}


class PayPal(Wire):
    """Gives a token to whoever asks; the tokens asked for are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path != "/v1/oauth2/token":
            return super().__call__(request)
        self.tokens.append(request)
        return httpx2.Response(200, json={"access_token": f"T{len(self.tokens)}", "expires_in": 32400})

    @property
    def body(self) -> dict:
        return msgspec.json.decode(self.calls[-1].content)

    def refuses(self, issue: str, *, status: int = 422) -> None:
        self.says({"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue}]}, status=status)


@pytest.fixture
def wire(settings):
    settings.MPAC_PAYPAL_BASE_URL = "https://api-m.paypal.test/"
    return PayPal()


@pytest.fixture
def adapter(wire):
    return PayPalAdapter(PayPalClient(transport=httpx2.MockTransport(wire)))


@pytest.fixture
def charge():
    return charge_with(ACCOUNT, method="e_wallet")


def order(charge, status="CREATED", **payments):
    unit = {"custom_id": charge.provider_key, "amount": AMOUNT, "payments": payments}
    links = [{"rel": "payer-action", "href": f"https://www.paypal.com/checkoutnow?token={ORDER}"}]
    return {"id": ORDER, "status": status, "purchase_units": [unit], "links": links}


def movement(identity, status, **more):
    return {"id": identity, "status": status, "amount": AMOUNT, **more}


def shown(charge):
    return replaced(charge, provider_reference=ORDER)


def test_is_asked_for_an_order_under_our_key(adapter, wire, charge):
    wire.says(order(charge, "PAYER_ACTION_REQUIRED"), status=201)
    outcome = adapter.create(replaced(charge, description="Two coffees"))
    assert outcome == ActionRequired(
        next_action={
            "type": "redirect_to_url",
            "url": f"https://www.paypal.com/checkoutnow?token={ORDER}",
        },
        provider_reference=ORDER,
    )
    sent = wire.calls[-1]
    assert (str(sent.url), sent.headers["paypal-request-id"]) == (
        "https://api-m.paypal.test/v2/checkout/orders",
        charge.provider_key,
    )
    assert wire.body == {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "custom_id": charge.provider_key,
                "invoice_id": charge.provider_key,
                "description": "Two coffees",
                "amount": AMOUNT,
            }
        ],
        "payment_source": {
            "paypal": {
                "experience_context": {
                    "user_action": "PAY_NOW",
                    "shipping_preference": "NO_SHIPPING",
                    "return_url": "https://shop.example/back",
                    "cancel_url": "https://shop.example/back",
                }
            }
        },
    }


def test_sends_the_payer_back_where_the_intent_says(adapter, wire, charge):
    account = replaced(ACCOUNT, fields={**ACCOUNT.fields, "cancel_url": "https://shop.example/cart"})
    wire.says(order(charge))
    adapter.create(replaced(charge, account=account, return_url="https://shop.example/thanks"))
    context = wire.body["payment_source"]["paypal"]["experience_context"]
    assert (context["return_url"], context["cancel_url"]) == (
        "https://shop.example/thanks",
        "https://shop.example/cart",
    )


def test_gives_one_token_for_many_calls(adapter, wire, charge):
    wire.says(order(charge))
    for _ in range(3):
        adapter.probe(shown(charge))
    assert len(wire.tokens) == 1
    assert {call.headers["authorization"] for call in wire.calls} == {"Bearer T1"}


def test_gives_nobody_the_token_of_another_account(adapter, wire, charge):
    wire.says(order(charge))
    adapter.probe(shown(charge))
    for other in ({"client_secret": "guessed"}, {"client_id": "another"}):
        credentials = {**ACCOUNT.credentials, **other}
        adapter.probe(replaced(shown(charge), account=replaced(ACCOUNT, credentials=credentials)))
    assert len(wire.tokens) == 3


def test_is_called_again_with_a_fresh_token_when_it_refuses_the_old_one(adapter, wire, charge):
    wire.says({"error": "invalid_token"}, status=401)
    wire.says(order(charge, "APPROVED"))
    assert adapter.probe(shown(charge)) == Agreed()
    assert [call.headers["authorization"] for call in wire.calls] == ["Bearer T1", "Bearer T2"]


def test_is_called_twice_at_most(adapter, wire, charge):
    wire.says({"error": "invalid_token"}, status=401)
    assert isinstance(adapter.create(charge), NotProcessed)
    assert isinstance(adapter.finish(shown(charge)), Unknown)
    assert (len(wire.calls), len(wire.tokens)) == (4, 3)


def test_shows_neither_secret_nor_token(adapter, wire, charge, caplog):
    caplog.set_level(logging.DEBUG)
    wire.says(order(charge))
    adapter.create(charge)
    assert not any(text in caplog.text for text in ("the-client-secret", "Bearer", "Basic"))


@pytest.mark.parametrize(
    ("status", "payments", "outcome"),
    [
        ("CREATED", {}, Pending()),
        ("SAVED", {}, Pending()),
        ("PAYER_ACTION_REQUIRED", {}, Pending()),
        ("APPROVED", {}, Agreed()),
        ("VOIDED", {}, Voided()),
        ("COMPLETED", {}, Unknown),
        ("NEW_STATUS", {}, Unknown),
        ("COMPLETED", {"captures": [movement(CAPTURE, "COMPLETED")]}, Approved),
        ("COMPLETED", {"captures": [movement(CAPTURE, "REFUNDED")]}, Approved),
        ("COMPLETED", {"captures": [movement(CAPTURE, "PARTIALLY_REFUNDED")]}, Approved),
        ("COMPLETED", {"captures": [movement(CAPTURE, "PENDING")]}, Unknown),
        ("COMPLETED", {"captures": [movement(CAPTURE, "DECLINED")]}, Declined),
        ("COMPLETED", {"captures": [movement(CAPTURE, "FAILED")]}, Declined),
        ("COMPLETED", {"authorizations": [movement(HOLD, "CREATED")]}, Authorized),
        ("COMPLETED", {"authorizations": [movement(HOLD, "PENDING")]}, Unknown),
        ("COMPLETED", {"authorizations": [movement(HOLD, "DENIED")]}, Declined),
        ("COMPLETED", {"authorizations": [movement(HOLD, "VOIDED")]}, Voided()),
        ("COMPLETED", {"authorizations": [movement(HOLD, "EXPIRED")]}, Voided()),
    ],
)
def test_means_by_an_orders_state(adapter, wire, status, payments, outcome):
    charge = charge_with(ACCOUNT, method="e_wallet")
    wire.says(order(charge, status, **payments))
    found = adapter.probe(shown(charge))
    assert isinstance(found, outcome) if isinstance(outcome, type) else found == outcome


def test_counts_every_capture_of_an_order(adapter, wire, charge):
    captures = [movement(CAPTURE, "COMPLETED"), movement("2", "PENDING"), movement("3", "COMPLETED")]
    wire.says(order(charge, "COMPLETED", captures=captures))
    assert [each.reference for each in adapter.probe(shown(charge)).payments] == [CAPTURE, "3"]


def test_is_not_believed_about_an_order_of_somebody_else(adapter, wire, charge):
    other = charge_with(ACCOUNT)
    wire.says(order(other, "COMPLETED", captures=[movement(CAPTURE, "COMPLETED")]))
    assert isinstance(adapter.probe(shown(charge)), Unknown)


@pytest.mark.parametrize("spoilt", [{"id": "../token"}, {"id": ""}, {"id": 5}, {"status": None}])
def test_is_not_believed_when_its_answer_cannot_be(adapter, wire, charge, spoilt):
    wire.says(order(charge) | spoilt)
    assert isinstance(adapter.create(charge), Unknown)


def test_that_forgot_an_order_knows_of_no_money(adapter, wire, charge):
    wire.refuses("INVALID_RESOURCE_ID", status=404)
    assert adapter.probe(shown(charge)) == Pending()
    assert adapter.void(shown(charge)) == Pending()


@pytest.mark.parametrize(
    ("issue", "outcome"),
    [
        ("INSTRUMENT_DECLINED", Declined),
        ("PAYER_CANNOT_PAY", Declined),
        ("ORDER_NOT_APPROVED", Pending),
        ("PAYER_ACTION_REQUIRED", Pending),
        ("ORDER_EXPIRED", Voided),
        ("DUPLICATE_INVOICE_ID", Unknown),
        ("PREVIOUS_REQUEST_IN_PROGRESS", Unknown),
    ],
)
def test_says_why_it_does_not_finish(adapter, wire, charge, issue, outcome):
    wire.refuses(issue)
    assert isinstance(adapter.finish(shown(charge)), outcome)
    assert len(wire.calls) == 1


@pytest.mark.parametrize("issue", ["ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED", "SOMETHING_NEW"])
def test_is_asked_when_it_says_that_it_was_done_before(adapter, wire, charge, issue):
    wire.refuses(issue)
    wire.says(order(charge, "COMPLETED", captures=[movement(CAPTURE, "COMPLETED")]))
    assert isinstance(adapter.finish(shown(charge)), Approved)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 429, 500, 503])
def test_proves_nothing_by_another_refusal_to_finish(adapter, wire, charge, status):
    wire.refuses("WHATEVER", status=status)
    assert isinstance(adapter.finish(shown(charge)), Unknown)


@pytest.mark.parametrize(("capture", "call"), [(True, "capture"), (False, "authorize")])
def test_is_told_to_take_or_to_hold_under_a_key_of_ours(adapter, wire, charge, capture, call):
    wire.says(order(charge, "APPROVED"))
    adapter.finish(replaced(shown(charge), capture=capture))
    sent = wire.calls[-1]
    assert sent.url.path == f"/v2/checkout/orders/{ORDER}/{call}"
    assert sent.headers["paypal-request-id"] == f"{charge.provider_key}-finish"


def capturing(charge, **changes):
    values = {"charge": shown(charge), "operation_key": "C1", "amount": Money(5000, "THB"), "final": False}
    return CaptureRequest(**{**values, **changes})


def test_captures_a_part_of_a_hold(adapter, wire, charge):
    wire.says(order(charge, "COMPLETED", authorizations=[movement(HOLD, "CREATED")]))
    wire.says(movement(CAPTURE, "COMPLETED", invoice_id="C1"), status=201)
    assert adapter.capture(capturing(charge)) == Done(reference=CAPTURE, amount=Money(12550, "THB"))
    assert wire.calls[-1].url.path == f"/v2/payments/authorizations/{HOLD}/capture"
    assert wire.body == {
        "amount": {"currency_code": "THB", "value": "50.00"},
        "final_capture": False,
        "invoice_id": "C1",
    }


def test_is_not_told_to_capture_what_it_captured_under_our_key(adapter, wire, charge):
    captures = [movement(CAPTURE, "COMPLETED", invoice_id="C1")]
    wire.says(
        order(charge, "COMPLETED", authorizations=[movement(HOLD, "PARTIALLY_CAPTURED")], captures=captures)
    )
    assert isinstance(adapter.capture(capturing(charge)), Done)
    assert [call.method for call in wire.calls] == ["GET"]
    assert adapter.probe_capture(capturing(charge, operation_key="C2")) == NeverHeard()


@pytest.mark.parametrize(
    ("issue", "status", "outcome"),
    [
        ("AUTHORIZATION_VOIDED", 422, Declined),
        ("AUTHORIZATION_EXPIRED", 422, Declined),
        ("MAX_CAPTURE_AMOUNT_EXCEEDED", 422, NotProcessed),
        ("DUPLICATE_INVOICE_ID", 422, Unknown),
        ("CONFLICT", 409, Unknown),
        ("INTERNAL_SERVICE_ERROR", 500, Unknown),
    ],
)
def test_says_why_it_does_not_capture(adapter, wire, issue, status, outcome):
    charge = charge_with(ACCOUNT, method="e_wallet")
    wire.says(order(charge, "COMPLETED", authorizations=[movement(HOLD, "CREATED")]))
    wire.refuses(issue, status=status)
    assert isinstance(adapter.capture(capturing(charge)), outcome)


def test_takes_up_a_capture_that_needs_its_time(adapter, wire, charge):
    wire.says(order(charge, "COMPLETED", authorizations=[movement(HOLD, "CREATED")]))
    wire.says(movement(CAPTURE, "PENDING"), status=201)
    assert adapter.capture(capturing(charge)) == Accepted(reference=CAPTURE)


@pytest.mark.parametrize(
    ("status", "outcome"), [("VOIDED", Declined), ("CAPTURED", Declined), ("CREATED", NeverHeard)]
)
def test_says_what_a_missing_capture_means(adapter, wire, charge, status, outcome):
    wire.says(order(charge, "COMPLETED", authorizations=[movement(HOLD, status)]))
    assert isinstance(adapter.probe_capture(capturing(charge)), outcome)


def test_lets_the_rest_of_a_hold_go(adapter, wire, charge):
    holds, captures = [movement(HOLD, "PARTIALLY_CAPTURED")], [movement(CAPTURE, "COMPLETED")]
    wire.says(order(charge, "COMPLETED", authorizations=holds, captures=captures))
    wire.answers.append(lambda _request: httpx2.Response(204))
    assert adapter.void(shown(charge)) == Voided()
    assert wire.calls[-1].url.path == f"/v2/payments/authorizations/{HOLD}/void"


def refunding(charge, **changes):
    return refund_with(replaced(charge, provider_reference=CAPTURE), payment_reference=CAPTURE, **changes)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("COMPLETED", Done),
        ("PENDING", Accepted),
        ("FAILED", Declined),
        ("CANCELLED", Declined),
        ("NEW", Unknown),
    ],
)
def test_says_how_a_refund_stands(adapter, wire, charge, status, outcome):
    refund = refunding(charge)
    wire.says(movement("1JU08902781691411", status), status=201)
    assert isinstance(adapter.refund(refund), outcome)
    assert wire.calls[-1].headers["paypal-request-id"] == refund.operation_key
    assert wire.body == {
        "amount": {"currency_code": "THB", "value": "50.00"},
        "custom_id": charge.provider_key,
        "invoice_id": refund.operation_key,
    }
    assert isinstance(adapter.probe_refund(replaced(refund, provider_reference="1JU08902781691411")), outcome)


def test_finds_a_refund_by_the_order_of_its_capture(adapter, wire, charge):
    refund = refunding(charge)
    related = {"supplementary_data": {"related_ids": {"order_id": ORDER}}}
    wire.says(movement(CAPTURE, "PARTIALLY_REFUNDED", **related))
    wire.says(order(charge, "COMPLETED", refunds=[movement("R", "PENDING", invoice_id=refund.operation_key)]))
    assert adapter.probe_refund(refund) == Accepted(reference="R")


@pytest.mark.parametrize(
    ("issue", "outcome"),
    [
        ("CAPTURE_FULLY_REFUNDED", Declined),
        ("REFUND_TIME_LIMIT_EXCEEDED", ByHand),
        ("REFUND_AMOUNT_EXCEEDED", NotProcessed),
        ("DUPLICATE_INVOICE_ID", Unknown),
    ],
)
def test_says_why_it_gives_nothing_back(adapter, wire, charge, issue, outcome):
    wire.refuses(issue)
    assert isinstance(adapter.refund(refunding(charge)), outcome)


def test_takes_only_its_own_currencies(adapter, wire, charge):
    assert isinstance(adapter.create(replaced(charge, amount=Money(100, "VND"))), NotProcessed)
    assert wire.calls == []
