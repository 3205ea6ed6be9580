"""The KBank adapter ..."""

import base64
import datetime as dt

import httpx2
import msgspec
import pytest

from kernel.ids import uuid7
from kernel.money import Money
from mpac.pgw.adapters import registry
from mpac.pgw.adapters.kbank.adapter import KBankAdapter
from mpac.pgw.adapters.kbank.client import KBankClient
from mpac.pgw.adapters.kbank.qr import read_qr
from mpac.pgw.adapters.port import (
    ActionRequired,
    Approved,
    ByHand,
    Declined,
    Done,
    NeverHeard,
    NotProcessed,
    Pending,
    ProviderAccount,
    Unknown,
    Voided,
)
from mpac.pgw.domain import emvco
from mpac.pgw.domain.keys import provider_key
from mpac.pgw.domain.promptpay import BillPayment, PromptPayError
from mpac.pgw.errors import WebhookMalformed
from tests.pgw.adapters.wire import NOON, Wire, charge_with, refund_with, replaced

ACCOUNT = ProviderAccount(
    fields={"merchant_id": "KB000000000001", "terminal_id": "TERM0001"},
    credentials={
        "consumer_id": "consumer",
        "consumer_secret": "consumer-secret",
        "partner_id": "PTR1",
        "partner_secret": "partner-secret",
    },
)
# The documentation's sample, line breaks and all.
SAMPLE = """00020101021230690016A000000677010112011301055580807780211LEX110000020313LE
    X026039306931590016A00000067701011301030040211LEX110000020413LEX02603930695
    303764540512.815802TH6304A2C1"""
BILLER = "0105558080778"


class Bank(Wire):
    """Gives tokens; everything else is answered from the list."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = 0
        self.grant = {"token_type": "Bearer", "expires_in": "1799"}
        self.grant_status = 200

    def __call__(self, request):
        if not request.url.path.endswith("/oauth/token"):
            return super().__call__(request)
        self.tokens += 1
        self.application = request
        grant = {"access_token": f"token-{self.tokens}", **self.grant}
        return httpx2.Response(self.grant_status, json=grant)

    def body(self, number=-1):
        return msgspec.json.decode(self.calls[number].content)

    @property
    def paths(self):
        return [call.url.path.rpartition("/")[2] for call in self.calls]


@pytest.fixture
def wire(settings):
    settings.MPAC_KBANK_BASE_URL = "https://kbank.test/"
    return Bank()


@pytest.fixture
def adapter(wire):
    return KBankAdapter(KBankClient(transport=httpx2.MockTransport(wire)))


@pytest.fixture
def charge():
    key = provider_key(uuid7(), length=15)
    return charge_with(ACCOUNT, provider_key=key, amount=Money(1281, "THB"), method="qr_code")


@pytest.fixture
def refund(charge):
    return refund_with(
        charge, operation_key="REFUND000000001", amount=charge.amount, payment_reference="202611210000001"
    )


def answer(**fields):
    said = {
        "partnerTxnUid": "X",
        "partnerId": "PTR1",
        "statusCode": "00",
        "errorCode": None,
        "errorDesc": None,
    }
    return said | fields


def error(code, text=""):
    return answer(statusCode="10", errorCode=code, errorDesc=text)


def state(status, **fields):
    paid = {"txnNo": "202611210000001", "txnAmount": "12.81", "txnCurrencyCode": "THB", "channel": "KPLUS"}
    return answer(txnStatus=status, **(paid if status in ("PAID", "VOIDED") else {}) | fields)


def qr(**changes):
    objects = {
        "00": "01",
        "01": "12",
        "30": emvco.encode_template(
            {"00": "A000000677010112", "01": BILLER, "02": "LEX11000002", "03": "LEX0260393069"}
        ),
        "31": emvco.encode_template(
            {"00": "A000000677010113", "01": "004", "02": "LEX11000002", "04": "LEX0260393069"}
        ),
        "53": "764",
        "54": "12.81",
        "58": "TH",
    }
    return emvco.encode({tag: value for tag, value in (objects | changes).items() if value})


def test_is_asked_with_keys_of_its_own_length():
    key = registry.key_at("kbank", uuid7())
    assert len(key) == 15
    assert len(registry.key_at("scb", uuid7())) == len(registry.key_at("nobody", uuid7())) == 20


def test_reads_the_documentations_code():
    assert qr() == "".join(SAMPLE.split())
    assert read_qr(qr()) == BillPayment(
        biller_id=BILLER,
        reference1="LEX11000002",
        reference2="LEX0260393069",
        amount=Money(1281, "THB"),
        dynamic=True,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"31": emvco.encode_template({"00": "A000000677010113", "02": "OTHER", "04": "LEX0260393069"})},
        {"31": emvco.encode_template({"00": "A000000677010113", "02": "LEX11000002", "04": "OTHER"})},
        {"31": emvco.encode_template({"00": "A000000677010112", "02": "LEX11000002", "04": "LEX0260393069"})},
        {"31": "00"},
        {"54": None},
        {"01": "11"},
        {"30": None},
        {"53": "840"},
    ],
)
def test_takes_a_code_that_contradicts_itself_for_none(changes):
    payload = qr(**changes)
    with pytest.raises((PromptPayError, emvco.QrPayloadInvalid)):
        read_qr(payload)


def test_reads_a_code_without_the_banks_own_template():
    assert read_qr(qr(**{"31": None})).biller_id == BILLER


def test_asks_for_a_code(adapter, wire, charge):
    wire.says(answer(qrCode=SAMPLE))
    outcome = adapter.create(charge)
    [call] = wire.calls
    assert (call.url.path, call.headers["authorization"]) == ("/v1/qrpayment/request", "Bearer token-1")
    assert wire.body() == {
        "partnerTxnUid": charge.provider_key,
        "partnerId": "PTR1",
        "partnerSecret": "partner-secret",
        "requestDt": "2026-11-21T12:00:00+07:00",
        "merchantId": "KB000000000001",
        "terminalId": "TERM0001",
        "qrType": "3",
        "txnAmount": "12.81",
        "txnCurrencyCode": "THB",
        "reference1": charge.provider_key,
        "reference2": "S111",
    }
    assert outcome == ActionRequired(
        next_action={"type": "display_qr", "qr_payload": qr(), "expires_at": "2026-11-21T05:10:00.000Z"}
    )


def test_shows_a_code_for_ten_minutes_or_for_less(adapter, wire, charge):
    wire.says(answer(qrCode=SAMPLE))
    for minutes, shown in ((60, "05:10"), (5, "05:05")):
        request = replaced(charge, expires_at=NOON + dt.timedelta(minutes=minutes))
        assert adapter.create(request).next_action["expires_at"] == f"2026-11-21T{shown}:00.000Z"


def test_leaves_out_a_terminal_that_nobody_named(adapter, wire, charge):
    wire.says(answer(qrCode=SAMPLE))
    account = replaced(ACCOUNT, fields={"merchant_id": "KB1"})
    adapter.create(replaced(charge, account=account))
    assert "terminalId" not in wire.body()


def test_sends_nothing_without_a_merchant(adapter, wire, charge):
    request = replaced(charge, account=replaced(ACCOUNT, fields={}))
    assert isinstance(adapter.create(request), NotProcessed)
    assert isinstance(adapter.void(request), Unknown)
    assert wire.calls == []


def test_sends_no_other_currency(adapter, wire, charge):
    assert isinstance(adapter.create(replaced(charge, amount=Money(100, "JPY"))), NotProcessed)
    assert wire.calls == []


def test_shows_no_code_that_asks_for_something_else(adapter, wire, charge):
    wire.says(answer(qrCode=SAMPLE))
    assert isinstance(adapter.create(replaced(charge, amount=Money(1282, "THB"))), NotProcessed)
    strange = replaced(ACCOUNT, fields={**ACCOUNT.fields, "biller_id": "0" * 13})
    assert isinstance(adapter.create(replaced(charge, account=strange)), NotProcessed)
    ours = replaced(ACCOUNT, fields={**ACCOUNT.fields, "biller_id": BILLER})
    assert isinstance(adapter.create(replaced(charge, account=ours)), ActionRequired)


@pytest.mark.parametrize("code", [None, "", "hello", "00020101021129370016A0000006770101110113"])
def test_takes_a_code_that_cannot_be_read_for_no_answer(adapter, wire, charge, code):
    wire.says(answer(qrCode=code))
    assert isinstance(adapter.create(charge), Unknown)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (("account_error", "Account is closed. (EMAC)"), Declined),
        (("account_error", ""), Declined),
        (("merchant_closed", "Merchant is already closed. (EMMC)"), Declined),
        (("authentication_error", "Wrong partner key. (EMA)"), NotProcessed),
        (("EMA", None), NotProcessed),
        (("bad_request", "Invalid JSON. (EMBR)"), NotProcessed),
        (
            ("invalid_txn_amount", "Amount must be an integer with two digits precision. (EMITF)"),
            NotProcessed,
        ),
        (("general_error", "ระบบไม่สามารถดำเนินรายการนี้ได้ (EMG)"), Unknown),
        (("internal_error", "Cannot connect to database. (EMIDB)"), Unknown),
        (("something_new", ""), Unknown),
        ((None, None), Unknown),
    ],
)
def test_tells_refusals_apart(adapter, wire, charge, said, kind):
    wire.says(error(*said))
    assert type(adapter.create(charge)) is kind


def test_ends_a_charge_whose_code_was_lost(adapter, wire, charge):
    wire.says(error("duplicate_request", "This request is duplicated. (EMDR)"))
    wire.says(answer())
    assert adapter.create(charge) == Voided()
    assert wire.paths == ["request", "cancel"]
    assert wire.body()["origPartnerTxnUid"] == charge.provider_key
    assert wire.body()["partnerTxnUid"] != charge.provider_key


def test_takes_the_money_of_a_lost_code_that_was_paid(adapter, wire, charge):
    wire.says(error("EMDR"))
    wire.says(error("qr_paid", "QR already paid. (EMQRP)"))
    wire.says(state("PAID"))
    assert isinstance(adapter.create(charge), Approved)
    assert wire.paths == ["request", "cancel", "inquiry"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("qr_cancelled", "QR is cancelled. (EMQRC)"), Voided()),
        (("qr_expired", "QR already expired. (EMQRAE)"), Voided()),
        (("qr_expired", "QR has expired. (EMQRE)"), Voided()),
        (("invalid_origPartnerTxnUid", "origPartnerTxnUid does not exist. (EMITDNE)"), Pending()),
    ],
)
def test_knows_what_cannot_be_cancelled_any_more(adapter, wire, charge, said, expected):
    wire.says(error(*said))
    assert adapter.void(charge) == expected


def test_is_in_doubt_when_a_code_cannot_be_cancelled(adapter, wire, charge):
    wire.says(error("general_error", "(EMG)"))
    assert isinstance(adapter.void(charge), Unknown)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("PAID", Approved),
        ("VOIDED", Approved),
        ("REQUESTED", Pending),
        ("NOT_FOUND", Pending),
        ("CANCELLED", Voided),
        ("EXPIRED", Voided),
        ("DREAMT", Unknown),
        ("", Unknown),
    ],
)
def test_reads_every_state(adapter, wire, charge, status, kind):
    wire.says(state(status))
    assert type(adapter.probe(charge)) is kind


def test_knows_of_no_money_for_a_charge_that_the_bank_does_not_know(adapter, wire, charge):
    wire.says(error("invalid_origPartnerTxnUid", "origPartnerTxnUid does not exist. (EMITDNE)"))
    assert adapter.probe(charge) == Pending()


def test_tells_what_was_paid(adapter, wire, charge):
    for amount in ("12.81", 12.81, None):
        wire.answers.clear()
        wire.says(state("PAID", txnAmount=amount))
        [paid] = adapter.probe(charge).payments
        assert (paid.reference, paid.amount) == ("202611210000001", Money(1281, "THB"))
        assert (paid.reversed, paid.details) == (False, {"channel": "KPLUS"})


def test_tells_that_the_money_went_back(adapter, wire, charge):
    wire.says(state("VOIDED"))
    [paid] = adapter.probe(charge).payments
    assert paid.reversed


@pytest.mark.parametrize(
    "fields",
    [
        {"txnNo": None},
        {"txnNo": ""},
        {"txnNo": "x" * 65},
        {"txnNo": "a b"},
        {"txnAmount": "0.00"},
        {"txnAmount": "-1.00"},
        {"txnAmount": "12.815"},
        {"txnAmount": "lots"},
        {"txnCurrencyCode": "USD"},
        {"txnCurrencyCode": "XXX"},
        {"statusCode": None},
        {"channel": "\x00"},
    ],
)
def test_learns_nothing_from_an_inquiry_that_cannot_be_read(adapter, wire, charge, fields):
    wire.says(state("PAID", **fields))
    assert isinstance(adapter.probe(charge), Unknown)


@pytest.mark.parametrize("content", [None, [], {}, "x", {"fault": {"faultstring": "no"}}])
@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_learns_nothing_from_an_answer_that_cannot_be_read(adapter, wire, refund, content, status):
    wire.says(content, status=status)
    for outcome in (
        adapter.create(refund.charge),
        adapter.probe(refund.charge),
        adapter.void(refund.charge),
        adapter.refund(refund),
        adapter.probe_refund(refund),
    ):
        assert isinstance(outcome, Unknown)


@pytest.mark.parametrize("status", [403, 429])
def test_knows_that_the_gateway_let_nothing_through(adapter, wire, refund, status):
    wire.says({"fault": {}}, status=status)
    assert isinstance(adapter.create(refund.charge), NotProcessed)
    assert isinstance(adapter.refund(refund), NotProcessed)
    assert isinstance(adapter.probe(refund.charge), Unknown)


def test_gives_the_whole_back_on_the_payment_itself(adapter, wire, refund):
    wire.says(answer(txnNo="202611210000001"))
    assert adapter.refund(refund) == Done(reference="202611210000001", amount=Money(1281, "THB"))
    assert wire.paths == ["void"]
    body = wire.body()
    assert (body["partnerTxnUid"], body["origPartnerTxnUid"], body["txnNo"]) == (
        "REFUND000000001",
        refund.charge.provider_key,
        "202611210000001",
    )


def test_gives_no_part_back(adapter, wire, refund):
    assert isinstance(adapter.refund(replaced(refund, amount=Money(1280, "THB"))), NotProcessed)
    assert wire.calls == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("settlement_error", "Transaction is already settled (EMSET)"), ("PAID", ByHand)),
        (("qr_void", "Cannot void other channel. (EMQRVOTCH)"), ("PAID", ByHand)),
        (("qr_void", "QR void is not allowed."), ("VOIDED", Done)),
        (("duplicate_request", "This request is duplicated. (EMDR)"), ("VOIDED", Done)),
        (("duplicate_request", "This request is duplicated. (EMDR)"), ("PAID", Unknown)),
        (("authentication_error", "Wrong partner key. (EMA)"), ("PAID", NotProcessed)),
    ],
)
def test_looks_again_when_a_void_is_refused(adapter, wire, refund, said, expected):
    found, kind = expected
    wire.says(error(*said))
    wire.says(state(found))
    assert type(adapter.refund(refund)) is kind
    assert wire.paths == ["void", "inquiry"]


@pytest.mark.parametrize(
    ("status", "kind"), [("VOIDED", Done), ("PAID", NeverHeard), ("REQUESTED", Unknown), ("EXPIRED", Unknown)]
)
def test_reads_every_state_for_a_refund(adapter, wire, refund, status, kind):
    wire.says(state(status))
    assert type(adapter.probe_refund(refund)) is kind


def test_shows_its_key_pair_to_get_a_token_and_keeps_the_token(adapter, wire, charge):
    wire.says(state("REQUESTED"))
    adapter.probe(charge)
    adapter.probe(charge)
    assert wire.tokens == 1
    pair = base64.b64encode(b"consumer:consumer-secret").decode()
    assert wire.application.headers["authorization"] == f"Basic {pair}"
    assert wire.application.content == b"grant_type=client_credentials"
    assert len({wire.body(number)["partnerTxnUid"] for number in (0, 1)}) == 2


@pytest.mark.parametrize("changes", [{"consumer_id": "other"}, {"consumer_secret": "a guess"}])
def test_keeps_the_tokens_of_accounts_apart(adapter, wire, charge, changes):
    wire.says(state("REQUESTED"))
    adapter.probe(charge)
    account = replaced(charge.account, credentials={**charge.account.credentials, **changes})
    adapter.probe(replaced(charge, account=account))
    assert wire.tokens == 2


def test_gets_a_fresh_token_once(adapter, wire, charge):
    wire.says({"error": "invalid_token"}, status=401)
    wire.says(answer(qrCode=SAMPLE))
    assert isinstance(adapter.create(charge), ActionRequired)
    assert [call.headers["authorization"] for call in wire.calls] == ["Bearer token-1", "Bearer token-2"]
    wire.answers[:] = []
    wire.says({"error": "invalid_token"}, status=401)
    assert isinstance(adapter.create(charge), NotProcessed)
    assert len(wire.calls) == 4


@pytest.mark.parametrize(
    ("grant", "status"),
    [({}, 401), ({}, 500), ({"access_token": None}, 200), ({"expires_in": "soon"}, 200)],
)
def test_sends_nothing_without_a_token(adapter, wire, charge, grant, status):
    wire.grant, wire.grant_status = {**wire.grant, **grant}, status
    assert isinstance(adapter.create(charge), NotProcessed)
    assert isinstance(adapter.probe(charge), Unknown)
    assert wire.calls == []


def callback(**changes):
    values = {
        "partnerTxnUid": "ABC001",
        "partnerId": "PTR1",
        "statusCode": "00",
        "txnAmount": 100.5,
        "txnNo": "201802080035496",
        "additionalInfo": "ข้อมูลประกอบอื่น ๆ",
    }
    return msgspec.json.encode({**values, **changes})


def read(adapter, body):
    return adapter.read_webhook(headers={}, body=body, account=None, now=NOON)


def test_takes_a_callback_for_a_hint(adapter):
    hint = read(adapter, callback())
    assert (hint.provider_key, hint.provider_reference) == ("ABC001", "201802080035496")
    assert hint.payments == ()
    assert hint.answer == {"statusCode": "00", "errorCode": None, "errorDesc": None}


def test_takes_callbacks_about_different_payments_for_different_callbacks(adapter):
    changes = ({}, {"partnerTxnUid": "ABC002"}, {"txnNo": "201802080035497"})
    assert len({read(adapter, callback(**each)).dedupe_key for each in changes}) == 3
    assert read(adapter, callback(txnAmount=9)).dedupe_key == read(adapter, callback()).dedupe_key


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        callback(partnerTxnUid=""),
        callback(partnerTxnUid="x" * 16),
        callback(partnerTxnUid="a'b"),
        callback(txnNo=None),
        callback(txnNo=5),
        callback(txnNo="\x00"),
    ],
)
def test_refuses_what_is_no_callback(adapter, body):
    with pytest.raises(WebhookMalformed):
        read(adapter, body)
