"""The Adyen adapter ..."""

import json

import httpx2
import pytest

from kernel.money import Money
from mpac.pgw.adapters.adyen.adapter import CANNOT_BE_ASKED, AdyenAdapter
from mpac.pgw.adapters.adyen.client import AdyenClient
from mpac.pgw.adapters.port import (
    Accepted,
    Approved,
    Authorized,
    CaptureRequest,
    Declined,
    NeverHeard,
    NotProcessed,
    Pending,
    ProviderAccount,
    Unknown,
    Voided,
)
from tests.pgw.adapters.contract import capture_of, known, refund_of
from tests.pgw.adapters.kits.adyen import KIT
from tests.pgw.adapters.wire import Wire, charge_with, refund_with, replaced

ACCOUNT = ProviderAccount(
    fields={"merchant_account": "TestMerchant", "return_url": "https://shop.example/back"},
    credentials={"api_key": "AQE-key", "webhook_secret": "00"},
)


@pytest.fixture
def wire(settings):
    settings.MPAC_ADYEN_BASE_URL = "http://adyen.test/"
    return Wire()


@pytest.fixture
def adapter(wire):
    return AdyenAdapter(AdyenClient(transport=httpx2.MockTransport(wire)))


@pytest.fixture
def charge():
    return charge_with(ACCOUNT, payment_token="shopper-7/saved-1")


@pytest.fixture
def kit():
    return KIT


def sent(wire):
    return json.loads(wire.calls[-1].content)


def test_asks_for_a_charge_of_a_saved_card(adapter, wire, charge):
    wire.says({"resultCode": "Authorised", "pspReference": "PSP1"})
    adapter.create(charge)
    [call] = wire.calls
    assert (call.method, str(call.url)) == ("POST", "http://adyen.test/v72/payments")
    assert call.headers["x-api-key"] == "AQE-key"
    assert call.headers["idempotency-key"] == charge.provider_key
    assert sent(wire) == {
        "merchantAccount": "TestMerchant",
        "reference": charge.provider_key,
        "amount": {"value": 12550, "currency": "THB"},
        "returnUrl": "https://shop.example/back",
        "authenticationData": {"attemptAuthentication": "never"},
        "paymentMethod": {"type": "scheme", "storedPaymentMethodId": "saved-1"},
        "shopperReference": "shopper-7",
        "shopperInteraction": "ContAuth",
        "recurringProcessingModel": "UnscheduledCardOnFile",
        "captureDelayHours": 0,
    }


def test_asks_for_a_hold_of_an_encrypted_card_and_says_so_in_its_reference(adapter, wire, charge):
    wire.says({"resultCode": "Authorised", "pspReference": "PSP1"})
    token = json.dumps({"encryptedCardNumber": "adyenjs_1", "encryptedSecurityCode": "adyenjs_2"})
    outcome = adapter.create(replaced(charge, payment_token=token, capture=False))
    assert outcome == Authorized(reference="PSP1", amount=charge.amount)
    assert sent(wire)["reference"] == f"{charge.provider_key}-hold"
    assert sent(wire)["additionalData"] == {"manualCapture": "true"}
    assert sent(wire)["paymentMethod"]["encryptedCardNumber"] == "adyenjs_1"


@pytest.mark.parametrize(
    "token", ["saved", "/saved", "shopper/", "{", "{}", '{"number":"4111"}', '{"encryptedCardNumber":5}']
)
def test_sends_no_other_kind_of_token(adapter, wire, charge, token):
    assert isinstance(adapter.create(replaced(charge, payment_token=token)), NotProcessed)
    assert wire.calls == []


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ({"resultCode": "Authorised", "pspReference": "PSP1"}, Approved),
        ({"resultCode": "Refused", "refusalReason": "Not enough balance"}, Declined),
        ({"resultCode": "Cancelled"}, Declined),
        ({"resultCode": "Error"}, Declined),
        ({"resultCode": "RedirectShopper", "action": {}}, Declined),
        ({"resultCode": "Pending"}, Pending),
        ({"resultCode": "Received", "pspReference": "PSP1"}, Pending),
        ({"resultCode": "BrandNew"}, Unknown),
        ({"resultCode": "Authorised"}, Unknown),
        ({"resultCode": "Authorised", "pspReference": "../1"}, Unknown),
        (
            {"resultCode": "Authorised", "pspReference": "1", "amount": {"value": 0, "currency": "THB"}},
            Unknown,
        ),
        ({"pspReference": "PSP1"}, Unknown),
        ([], Unknown),
    ],
)
def test_reads_every_result(adapter, wire, charge, state, outcome):
    wire.says(state)
    assert isinstance(adapter.create(charge), outcome)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((400, "702"), NotProcessed),
        ((401, "000"), NotProcessed),
        ((403, "901"), NotProcessed),
        ((422, "130"), NotProcessed),
        ((422, "704"), Unknown),
        ((429, "0"), NotProcessed),
        ((500, "905"), Unknown),
        ((302, "0"), Unknown),
    ],
)
def test_knows_what_a_refusal_proves(adapter, wire, charge, answer, outcome):
    wire.says({"errorCode": answer[1], "message": "No."}, status=answer[0])
    held = replaced(charge, provider_reference="PSP1")
    assert isinstance(adapter.create(charge), outcome)
    assert isinstance(adapter.refund(refund_with(held)), outcome)
    capture = CaptureRequest(charge=held, operation_key="CAP1", amount=charge.amount)
    assert isinstance(adapter.capture(capture), outcome)
    assert isinstance(adapter.void(held), Unknown)


@pytest.mark.parametrize(
    ("failure", "outcome"), [(httpx2.ConnectError, NotProcessed), (httpx2.ReadTimeout, Unknown)]
)
def test_knows_what_a_broken_connection_proves(adapter, wire, charge, failure, outcome):
    wire.fails(failure)
    held = replaced(charge, provider_reference="PSP1")
    assert isinstance(adapter.create(charge), outcome)
    assert isinstance(adapter.refund(refund_with(held)), outcome)
    assert isinstance(adapter.void(held), Unknown)


def test_asks_for_captures_refunds_and_cancellations_as_adyen_documents_them(adapter, wire, charge):
    wire.says({"pspReference": "MOD1", "status": "received"}, status=201)
    held = replaced(charge, provider_reference="PSP1", capture=False)
    capture = CaptureRequest(charge=held, operation_key="CAP1", amount=Money(5000, "THB"))
    assert adapter.capture(capture) == Accepted(reference="MOD1")
    assert wire.calls[-1].url.path == "/v72/payments/PSP1/captures"
    assert wire.calls[-1].headers["idempotency-key"] == "CAP1"
    amount = {"value": 5000, "currency": "THB"}
    account = {"merchantAccount": "TestMerchant"}
    assert sent(wire) == {**account, "amount": amount, "reference": f"{charge.provider_key}-hold"}
    refund = refund_with(held, payment_reference="MOD1")
    assert adapter.refund(refund) == Accepted(reference="MOD1")
    assert wire.calls[-1].url.path == "/v72/payments/PSP1/refunds"
    assert sent(wire) == {**account, "amount": amount, "reference": refund.operation_key}
    assert isinstance(adapter.void(held), Unknown)
    assert wire.calls[-1].url.path == "/v72/payments/PSP1/cancels"
    assert sent(wire) == {**account, "reference": f"{charge.provider_key}-hold"}


@pytest.mark.parametrize(("capture", "reference"), [(True, ""), (False, "-hold")])
def test_calls_off_by_our_reference_what_has_no_other(adapter, wire, charge, capture, reference):
    wire.says({"pspReference": "MOD1", "status": "received"}, status=201)
    for _ in range(2):
        assert isinstance(adapter.void(replaced(charge, capture=capture)), Unknown)
    ours = charge.provider_key + reference
    assert sent(wire) == {"merchantAccount": "TestMerchant", "reference": ours, "paymentReference": ours}
    assert {call.url.path for call in wire.calls} == {"/v72/cancels"}
    assert {call.headers["idempotency-key"] for call in wire.calls} == {f"{charge.provider_key}-technical"}


@pytest.mark.parametrize(
    "state", [{}, {"pspReference": "MOD1", "status": "odd"}, {"pspReference": "", "status": "received"}]
)
def test_is_in_doubt_about_an_operation_that_it_cannot_read(adapter, wire, charge, state):
    wire.says(state, status=201)
    assert isinstance(adapter.refund(refund_with(replaced(charge, provider_reference="PSP1"))), Unknown)


def test_asks_no_question_that_adyen_does_not_have(adapter, wire, charge):
    capture = CaptureRequest(charge=charge, operation_key="CAP1", amount=charge.amount)
    assert adapter.probe(charge) == CANNOT_BE_ASKED
    assert adapter.probe_capture(capture) == adapter.probe_refund(refund_with(charge)) == CANNOT_BE_ASKED
    assert adapter.probe_capture(replaced(capture, provider_reference="M")) == Accepted(reference="M")
    assert adapter.probe_refund(refund_with(charge, provider_reference="M")) == Accepted(reference="M")
    assert wire.calls == []


def last(stage):
    stage.settle()
    return stage.read(stage.deliveries.received[-1])


def held(stage):
    request = stage.charge(capture=False)
    return known(request, stage.adapter.create(request))


def test_learns_of_late_money_by_its_notice(stage):
    stage.running.may_go_on.clear()
    stage.script("create", "late_success")
    request = stage.charge()
    assert stage.adapter.create(request) == Pending()
    stage.running.may_go_on.set()
    assert [each.amount for each in last(stage).payments] == [request.amount]


def test_learns_of_a_hold_whose_answer_was_lost(stage):
    request = stage.charge(capture=False)
    stage.script("create", "500_after")
    assert isinstance(stage.adapter.create(request), Unknown)
    hint = last(stage)
    assert hint.provider_key == request.provider_key
    assert hint.state == stage.adapter.create(request)


@pytest.mark.parametrize("behaviour", ["ok", "500_after", "rst_after"])
def test_takes_held_money_once(stage, behaviour):
    capture = capture_of(held(stage), amount=Money(5000, "THB"))
    stage.script("capture", behaviour)
    stage.adapter.capture(capture)
    again = stage.adapter.capture(capture)
    hint = last(stage)
    assert hint.provider_key == capture.charge.provider_key
    [payment] = hint.payments
    assert (payment.reference, payment.amount) == (again.reference, capture.amount)
    assert [(each["status"], each["amount"]) for each in stage.books()] == [("paid", 5000)]
    assert len(stage.deliveries.received) == 2


def test_learns_that_no_more_is_taken_than_is_held(stage):
    capture = capture_of(held(stage), amount=Money(99_999, "THB"))
    assert isinstance(stage.adapter.capture(capture), Accepted)
    news = last(stage).capture
    assert (news.amount, type(news.outcome)) == (capture.amount, Declined)
    assert stage.books()[0]["status"] == "authorized"


@pytest.mark.parametrize("behaviour", ["ok", "500_after", "rst_after", "hang_before"])
def test_lets_held_money_go(stage, behaviour):
    request = held(stage)
    stage.script("void", behaviour)
    stage.adapter.void(replaced(request, timeout_s=0.25 if behaviour.startswith("hang") else 5.0))
    assert isinstance(stage.adapter.void(request), Unknown)
    assert last(stage).state == Voided()
    assert stage.books()[0]["status"] == "voided"


def test_learns_nothing_from_a_cancellation_of_money_that_was_taken(stage):
    request = stage.pay(stage.charge())
    assert isinstance(stage.adapter.void(request), Unknown)
    assert last(stage).state is None
    assert stage.books()[0]["status"] == "paid"


@pytest.mark.parametrize("behaviour", ["ok", "500_after", "rst_after", "hang_before"])
def test_learns_that_its_call_never_arrived(stage, behaviour):
    request = stage.charge()
    stage.script("void", behaviour)
    stage.adapter.void(replaced(request, timeout_s=0.25 if behaviour.startswith("hang") else 5.0))
    assert isinstance(stage.adapter.void(request), Unknown)
    hint = last(stage)
    assert (hint.provider_key, hint.state) == (request.provider_key, NeverHeard())
    assert (len(stage.deliveries.received), stage.books()) == (1, [])


def test_lets_go_by_our_reference_what_its_lost_call_held(stage):
    request = stage.charge(capture=False)
    held_as = stage.adapter.create(request).reference
    stage.settle()
    assert isinstance(stage.adapter.void(request), Unknown)
    hint = last(stage)
    assert (hint.provider_key, hint.state) == (request.provider_key, Voided(reference=held_as))
    assert stage.books()[0]["status"] == "voided"


def test_takes_no_money_for_a_call_that_never_arrived(stage):
    request = stage.charge()
    stage.adapter.create(request)
    stage.settle()
    assert isinstance(stage.adapter.void(request), Unknown)
    assert last(stage).state is None
    assert stage.books()[0]["status"] == "paid"


@pytest.mark.parametrize("behaviour", ["ok", "500_after", "rst_after"])
def test_gives_back_once(stage, behaviour):
    refund = refund_of(stage.pay(stage.charge()), amount=Money(5000, "THB"))
    stage.script("refund", behaviour)
    stage.adapter.refund(refund)
    again = stage.adapter.refund(refund)
    assert last(stage).refund.outcome.reference == again.reference
    assert [each["reference"] for each in stage.books("refunds")] == [refund.operation_key]


def test_learns_that_no_more_is_given_back_than_was_taken(stage):
    request = stage.pay(stage.charge())
    for amount, outcome in ((12000, "Done"), (600, "Declined"), (550, "Done")):
        refund = refund_of(request, amount=Money(amount, "THB"))
        assert isinstance(stage.adapter.refund(refund), Accepted)
        news = last(stage).refund
        assert (news.operation_key, type(news.outcome).__name__) == (refund.operation_key, outcome)
    assert sum(each["amount"] for each in stage.books("refunds")) == 12550
