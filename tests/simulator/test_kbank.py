"""KBank's stand-in."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from simulator.emvco import read_bill_payment
from tests.simulator.conftest import Running

PARTNER = {
    "provider": "kbank",
    "key": "PTR1",
    "webhook_url": "http://merchant.test/kbank",
    "options": {"partner_secret": "right"},
}
CALL = {
    "partnerTxnUid": "TXN1",
    "partnerId": "PTR1",
    "partnerSecret": "right",
    "requestDt": "2026-11-21T12:00:00+07:00",
    "merchantId": "KB1",
    "terminalId": "T1",
}
ORDER = {"qrType": "3", "txnAmount": "125.50", "txnCurrencyCode": "THB", "reference1": "INV001"}


class Shop:
    """A partner's server."""

    def __init__(self, bank: Running) -> None:
        assert bank.http.post("/__merchants", json=PARTNER).status_code == 200
        self.bank = bank
        answer = bank.http.post(
            "/kbank/v2/oauth/token", auth=("id", "secret"), data={"grant_type": "client_credentials"}
        )
        assert answer.status_code == 200, answer.text
        self.headers = {"authorization": f"Bearer {answer.json()['access_token']}"}

    def call(self, name: str, **fields: Any) -> httpx2.Response:
        body = {name: value for name, value in {**CALL, **fields}.items() if value is not None}
        return self.bank.http.post(f"/kbank/v1/qrpayment/{name}", json=body, headers=self.headers)

    def code(self, **fields: Any) -> str:
        answer = self.call("request", **{**ORDER, **fields})
        assert said(answer) == "", answer.text
        return answer.json()["qrCode"]

    def paid(self) -> str:
        """The number of a payment that its customer has confirmed."""
        assert self.bank.pay(self.code()).status_code == 200
        return self.state()["txnNo"]

    def state(self) -> dict[str, Any]:
        return self.call("v4/inquiry", partnerTxnUid="ASK1", origPartnerTxnUid="TXN1").json()

    def void(self, key: str = "VOID1") -> httpx2.Response:
        return self.call("void", partnerTxnUid=key, origPartnerTxnUid="TXN1")

    def cancel(self) -> httpx2.Response:
        return self.call("cancel", partnerTxnUid="CANCEL1", origPartnerTxnUid="TXN1")


@pytest.fixture
def shop(bank: Running) -> Shop:
    return Shop(bank)


def said(answer: httpx2.Response) -> str:
    """The error's description, whose end is its short code; empty for success."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["statusCode"] == "00") == (body["errorCode"] is None)
    return body["errorDesc"] or ""


@pytest.mark.parametrize(
    ("auth", "fields"),
    [
        (None, {"grant_type": "client_credentials"}),
        (("id", ""), {}),
        (("id", "secret"), {"grant_type": "code"}),
    ],
)
def test_gives_no_token_to_a_stranger(bank: Running, auth: Any, fields: dict[str, str]) -> None:
    assert bank.http.post("/kbank/v2/oauth/token", auth=auth, data=fields).status_code == 401


def test_listens_only_to_a_token_that_lives(shop: Shop, bank: Running) -> None:
    bank.now += timedelta(seconds=1800)
    assert shop.cancel().status_code == 401
    assert Shop(bank).state()["txnStatus"] == "NOT_FOUND"
    bank.http.post("/__reset")
    assert shop.cancel().status_code == 401


def test_the_token_may_be_refused(bank: Running) -> None:
    bank.script("token", "decline", provider="kbank", times=1)
    fields = {"grant_type": "client_credentials"}
    answer = bank.http.post("/kbank/v2/oauth/token", auth=("id", "secret"), data=fields)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"partnerTxnUid": "x" * 16}, "EMBR"),
        ({"partnerTxnUid": None}, "EMBR"),
        ({"partnerSecret": "wrong"}, "EMA"),
        ({"requestDt": "2026-11-21T12:00:00"}, "EMBR"),
        ({"requestDt": "now"}, "EMBR"),
        ({"merchantId": 5}, "EMBR"),
        ({"terminalId": "x" * 9}, "EMBR"),
        ({"qrType": "1"}, "EMIQR"),
        ({"txnCurrencyCode": "JPY"}, "EMICC"),
        ({"txnAmount": "0.00"}, "EMITA"),
        ({"txnAmount": "1.234"}, "EMITA"),
        ({"txnAmount": None}, "EMITA"),
        ({"reference1": ""}, "EMIR"),
        ({"reference2": "x" * 101}, "EMIR"),
    ],
)
def test_refuses_a_wrong_request(shop: Shop, bank: Running, fields: dict[str, Any], code: str) -> None:
    assert said(shop.call("request", **{**ORDER, **fields})).endswith(f"({code})")
    assert bank.charges() == []


def test_refuses_what_is_no_json(shop: Shop) -> None:
    path = "/kbank/v1/qrpayment/request"
    answer = shop.bank.http.post(path, content=b"{", headers=shop.headers)
    assert said(answer).endswith("(EMBR)")


def test_takes_an_amount_as_a_number_too(shop: Shop, bank: Running) -> None:
    shop.code(txnAmount=125.5)
    assert bank.charges() == [("TXN1", "pending", 12550)]


def test_writes_a_code_with_the_banks_own_template(shop: Shop) -> None:
    code = shop.code()
    qr = read_bill_payment(code)
    assert (qr.reference1, qr.amount) == ("KB1", 12550)
    own = f"0016A000000677010113010300402{len('KB1'):02d}KB10413{qr.reference2}"
    assert f"31{len(own):02d}{own}" in code


def test_shows_a_code_once(shop: Shop) -> None:
    shop.code()
    assert said(shop.call("request", **ORDER)).endswith("(EMDR)")


def test_calls_back_about_a_payment(shop: Shop, bank: Running) -> None:
    bank.merchant.answers = [httpx2.Response(200, json={"statusCode": "00"})]
    number = shop.paid()
    bank.settle()
    [callback] = bank.merchant.received
    assert (callback["partnerTxnUid"], callback["txnNo"], callback["txnAmount"]) == ("TXN1", number, 125.5)
    [sent] = bank.http.get("/__callbacks").json()["callbacks"]
    assert sent["accepted"]


def test_takes_only_its_own_words_for_an_answer(shop: Shop, bank: Running) -> None:
    bank.merchant.answers = [
        httpx2.Response(200, json={"resCode": "00"}),
        httpx2.Response(500, json={"statusCode": "00"}),
        httpx2.Response(200, json={"statusCode": "00"}),
    ]
    shop.paid()
    bank.settle()
    assert len(bank.merchant.received) == 3


def test_a_code_lives_ten_minutes(shop: Shop, bank: Running) -> None:
    code = shop.code()
    bank.now += timedelta(minutes=10)
    assert bank.pay(code).json()["code"] == "code_void"
    assert shop.state()["txnStatus"] == "EXPIRED"
    assert said(shop.cancel()).endswith("(EMQRAE)")


def test_a_cancelled_code_cannot_be_paid(shop: Shop, bank: Running) -> None:
    code = shop.code()
    assert said(shop.cancel()) == ""
    assert bank.pay(code).status_code == 409
    assert shop.state()["txnStatus"] == "CANCELLED"
    assert said(shop.cancel()).endswith("(EMQRC)")


def test_a_paid_code_is_not_cancelled(shop: Shop) -> None:
    shop.paid()
    assert said(shop.cancel()).endswith("(EMQRP)")


def test_an_unknown_code_is_neither_cancelled_nor_voided(shop: Shop) -> None:
    assert said(shop.cancel()).endswith("(EMITDNE)")
    assert said(shop.void()).endswith("(EMITDNE)")
    assert shop.state()["txnStatus"] == "NOT_FOUND"


def test_gives_a_payment_back_once(shop: Shop, bank: Running) -> None:
    number = shop.paid()
    answer = shop.void()
    assert said(answer) == ""
    assert answer.json()["txnNo"] == number
    assert shop.state()["txnStatus"] == "VOIDED"
    assert said(shop.void()).endswith("(EMDR)")
    assert said(shop.void("VOID2")) == "QR void is not allowed."
    [refund] = bank.http.get("/__truth").json()["refunds"]
    assert (refund["reference"], refund["amount"], refund["status"]) == ("VOID1", 12550, "done")


def test_gives_nothing_back_that_was_not_paid(shop: Shop) -> None:
    shop.code()
    assert said(shop.void()) == "QR void is not allowed."


def test_gives_nothing_back_after_the_settlement(shop: Shop) -> None:
    shop.paid()
    assert said(shop.call("settlement", partnerTxnUid="SETTLE1", terminalId="T2")) == ""
    assert said(shop.call("settlement", partnerTxnUid="SETTLE2", merchantId="KB2")) == ""
    assert said(shop.call("settlement", partnerTxnUid="SETTLE3")) == ""
    assert said(shop.void()).endswith("(EMSET)")


def test_gives_nothing_back_on_another_day(shop: Shop, bank: Running) -> None:
    shop.paid()
    bank.now += timedelta(hours=11, minutes=59)
    shop = Shop(bank)
    assert shop.state()["txnStatus"] == "PAID"
    bank.now += timedelta(minutes=1)
    assert said(shop.void()).endswith("(EMSET)")


@pytest.mark.parametrize(("hours", "is_open"), [(9.9, True), (10, False), (14.4, False), (14.5, True)])
def test_nobody_settles_by_hand_at_night(bank: Running, hours: float, *, is_open: bool) -> None:
    bank.now += timedelta(hours=hours)
    answer = Shop(bank).call("settlement", partnerTxnUid="SETTLE1")
    assert said(answer).endswith("(EMSMSG)") is not is_open


def test_what_is_voided_stays_voided(shop: Shop, bank: Running) -> None:
    number = shop.paid()
    shop.void()
    answer = bank.http.post("/__return", json={"provider": "kbank", "provider_reference": number})
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_final")


@pytest.mark.parametrize(
    ("operation", "behaviour"),
    [("refund", "late_success"), ("refund", "webhook_twice"), ("void", "no_webhook")],
)
def test_shows_only_what_can_happen(bank: Running, operation: str, behaviour: str) -> None:
    script = {"provider": "kbank", "operation": operation, "behaviour": behaviour}
    assert bank.http.post("/__script", json=script).json()["code"] == "script_refused"


def test_another_partner_sees_nothing(shop: Shop) -> None:
    shop.paid()
    for stranger in ({"partnerId": "PTR2"}, {"merchantId": "KB2"}):
        answer = shop.call("v4/inquiry", partnerTxnUid="ASK1", origPartnerTxnUid="TXN1", **stranger)
        assert answer.json()["txnStatus"] == "NOT_FOUND"
