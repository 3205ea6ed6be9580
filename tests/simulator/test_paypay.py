"""PayPay's stand-in."""

import base64
import hmac
from datetime import timedelta
from hashlib import md5
from typing import Any

import httpx2
import orjson
import pytest

from tests.simulator.conftest import Running

KIND = "application/json;charset=UTF-8"
OPTIONS = {"api_key": "key", "api_secret": "secret"}
MERCHANT = {
    "provider": "paypay",
    "key": "shop",
    "webhook_url": "http://merchant.test/paypay",
    "options": OPTIONS,
}
ORDER = {"merchantPaymentId": "P1", "amount": {"amount": 1200, "currency": "JPY"}, "codeType": "ORDER_QR"}


class Shop:
    """A merchant that signs its calls."""

    def __init__(self, bank: Running, **options: str) -> None:
        entry = {**MERCHANT, "options": {**OPTIONS, **options}}
        assert bank.http.post("/__merchants", json=entry).status_code == 200
        self.bank = bank

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        signed_with: str = OPTIONS["api_secret"],
        skew_s: int = 0,
        **headers: str,
    ) -> httpx2.Response:
        raw = b"" if body is None else orjson.dumps(body)
        kind = KIND if raw else "empty"
        digest = (
            base64.b64encode(md5(kind.encode() + raw, usedforsecurity=False).digest()).decode()
            if raw
            else "empty"
        )
        epoch = str(int(self.bank.now.timestamp()) + skew_s)
        message = "\n".join([path, method, "nonce", epoch, kind, digest]).encode()
        signature = base64.b64encode(hmac.new(signed_with.encode(), message, "sha256").digest()).decode()
        sent = {
            "authorization": f"hmac OPA-Auth:key:{signature}:nonce:{epoch}:{digest}",
            "x-assume-merchant": "shop",
            "content-type": KIND,
            **headers,
        }
        return self.bank.http.request(method, f"/paypay{path}", content=raw, headers=sent)

    def code(self, **changed: Any) -> dict[str, Any]:
        answer = self.call("POST", "/v2/codes", {**ORDER, **changed})
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    def paid(self, **changed: Any) -> str:
        """The id of a payment that its customer has confirmed."""
        assert self.bank.pay(self.code(**changed)["url"]).status_code == 200
        return self.payment()["paymentId"]

    def payment(self) -> dict[str, Any]:
        return self.call("GET", "/v2/codes/payments/P1").json()["data"]

    def refund(self, payment_id: str, *, amount: int, reference: str = "R1") -> httpx2.Response:
        money = {"amount": amount, "currency": "JPY"}
        body = {"merchantRefundId": reference, "paymentId": payment_id, "amount": money}
        return self.call("POST", "/v2/refunds", body)


@pytest.fixture
def shop(bank: Running) -> Shop:
    return Shop(bank)


def said(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["resultInfo"]["code"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"signed_with": "another"}, (401, "UNAUTHORIZED")),
        ({"skew_s": 121}, (401, "UNAUTHORIZED")),
        ({"skew_s": -121}, (401, "UNAUTHORIZED")),
        ({"content-type": "application/json"}, (401, "UNAUTHORIZED")),
        ({"authorization": ""}, (401, "UNAUTHORIZED")),
        ({"authorization": "hmac OPA-Auth:key:x:n:soon:empty"}, (401, "UNAUTHORIZED")),
        ({"x-assume-merchant": "nobody"}, (404, "OPA_CLIENT_NOT_FOUND")),
        ({"skew_s": 119}, (201, "SUCCESS")),
    ],
)
def test_listens_to_signed_calls_only(shop: Shop, changed: Any, expected: tuple[int, str]) -> None:
    assert said(shop.call("POST", "/v2/codes", ORDER, **changed)) == expected


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"codeType": "STATIC"}, "INVALID_REQUEST_PARAMS"),
        ({"merchantPaymentId": None}, "MISSING_REQUEST_PARAMS"),
        ({"merchantPaymentId": "x" * 65}, "INVALID_REQUEST_PARAMS"),
        ({"amount": None}, "MISSING_REQUEST_PARAMS"),
        ({"amount": {"amount": 0, "currency": "JPY"}}, "INVALID_REQUEST_PARAMS"),
        ({"amount": {"amount": 1.5, "currency": "JPY"}}, "INVALID_REQUEST_PARAMS"),
        ({"amount": {"amount": 100, "currency": "THB"}}, "INVALID_REQUEST_PARAMS"),
        ({"isAuthorization": "yes"}, "INVALID_REQUEST_PARAMS"),
    ],
)
def test_refuses_a_wrong_order(shop: Shop, changed: Any, code: str) -> None:
    assert said(shop.call("POST", "/v2/codes", {**ORDER, **changed})) == (400, code)


def test_shows_a_code_once(shop: Shop) -> None:
    shop.code()
    assert said(shop.call("POST", "/v2/codes", ORDER)) == (400, "DUPLICATE_DYNAMIC_QR_REQUEST")


def test_a_payment_has_an_id_once_its_customer_acts(shop: Shop, bank: Running) -> None:
    code = shop.code()
    assert "paymentId" not in shop.payment()
    bank.pay(code["url"])
    assert shop.payment()["status"] == "COMPLETED"
    bank.settle()
    [notice] = bank.merchant.received
    assert (notice["state"], notice["order_id"]) == ("COMPLETED", shop.payment()["paymentId"])
    assert (notice["merchant_order_id"], notice["order_amount"]) == ("P1", "1200")


def test_a_code_lives_five_minutes(shop: Shop, bank: Running) -> None:
    code = shop.code()
    assert code["expiryDate"] == int(bank.now.timestamp()) + 300
    bank.now += timedelta(minutes=5)
    assert bank.pay(code["url"]).json()["code"] == "code_void"
    assert shop.payment()["status"] == "EXPIRED"


def test_a_payment_on_its_way_outlives_its_code(shop: Shop, bank: Running) -> None:
    code = shop.code()
    bank.may_go_on.clear()
    bank.script("pay", "late_success", provider="paypay")
    assert bank.pay(code["url"]).json()["status"] == "accepted"
    bank.now += timedelta(minutes=6)
    assert shop.payment()["status"] == "CREATED"
    bank.may_go_on.set()
    bank.settle()
    assert shop.payment()["status"] == "COMPLETED"


def test_a_deleted_code_cannot_be_paid(shop: Shop, bank: Running) -> None:
    code = shop.code()
    path = f"/v2/codes/{code['codeId']}"
    assert said(shop.call("DELETE", path)) == (200, "SUCCESS")
    assert said(shop.call("DELETE", path)) == (404, "DYNAMIC_QR_NOT_FOUND")
    assert bank.pay(code["url"]).status_code == 409
    assert shop.payment()["status"] == "CANCELED"


def test_a_payment_on_its_way_does_not_arrive_at_a_deleted_code(shop: Shop, bank: Running) -> None:
    code = shop.code()
    bank.may_go_on.clear()
    bank.script("pay", "late_success", provider="paypay")
    bank.pay(code["url"])
    assert said(shop.call("DELETE", f"/v2/codes/{code['codeId']}")) == (200, "SUCCESS")
    bank.may_go_on.set()
    bank.settle()
    assert [status for _, status, _ in bank.charges()] == ["voided"]


def test_a_paid_code_is_not_deleted(shop: Shop, bank: Running) -> None:
    code = shop.code()
    bank.pay(code["url"])
    assert said(shop.call("DELETE", f"/v2/codes/{code['codeId']}")) == (400, "DYNAMIC_QR_ALREADY_PAID")


@pytest.mark.parametrize(
    ("hours", "expected"), [(10.2, (202, "REQUEST_ACCEPTED")), (10.3, (400, "ORDER_NOT_REVERSIBLE"))]
)
def test_money_goes_back_until_a_quarter_past_midnight(
    shop: Shop, bank: Running, hours: float, expected: tuple[int, str]
) -> None:
    shop.paid()  # at 14:00 in Tokyo
    bank.now += timedelta(hours=hours)
    assert said(shop.call("DELETE", "/v2/payments/P1")) == expected
    is_cancelled = expected[0] == 202
    assert shop.payment()["status"] == ("CANCELED" if is_cancelled else "COMPLETED")
    assert [refund["amount"] for refund in bank.http.get("/__truth").json()["refunds"]] == [
        1200
    ] * is_cancelled


def test_an_unknown_or_ended_payment_is_not_cancelled(shop: Shop) -> None:
    assert said(shop.call("DELETE", "/v2/payments/P1")) == (404, "RESOURCE_NOT_FOUND")
    shop.code()
    assert said(shop.call("DELETE", "/v2/payments/P1")) == (202, "REQUEST_ACCEPTED")
    assert said(shop.call("DELETE", "/v2/payments/P1")) == (400, "ORDER_NOT_REVERSIBLE")


def test_gives_parts_back_and_no_more_than_was_paid(shop: Shop) -> None:
    payment_id = shop.paid()
    assert said(shop.refund(payment_id, amount=700)) == (200, "SUCCESS")
    assert shop.payment()["status"] == "COMPLETED"
    assert said(shop.refund(payment_id, amount=700, reference="R2")) == (400, "INVALID_PARAMS")
    assert said(shop.refund(payment_id, amount=500, reference="R3")) == (200, "SUCCESS")
    assert shop.payment()["status"] == "REFUNDED"
    assert said(shop.refund(payment_id, amount=1, reference="R4")) == (400, "UNACCEPTABLE_OP")
    assert said(shop.refund("1" * 20, amount=1, reference="R5")) == (404, "RESOURCE_NOT_FOUND")


def test_a_refund_again_is_the_same_refund(shop: Shop, bank: Running) -> None:
    payment_id = shop.paid()
    first, second = (shop.refund(payment_id, amount=700).json() for _ in range(2))
    assert first == second
    assert said(shop.refund(payment_id, amount=1)) == (400, "INVALID_REQUEST_PARAMS")
    assert len(bank.http.get("/__truth").json()["refunds"]) == 1


def test_some_merchants_give_back_once(bank: Running) -> None:
    shop = Shop(bank, refunds="one")
    payment_id = shop.paid()
    shop.refund(payment_id, amount=100)
    assert said(shop.refund(payment_id, amount=100, reference="R2")) == (400, "UNACCEPTABLE_OP")


def test_a_refund_is_final(shop: Shop, bank: Running) -> None:
    shop.refund(shop.paid(), amount=700)
    answer = bank.http.post("/__return", json={"provider": "paypay", "provider_reference": "R1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_final")


def test_a_refund_under_way_may_fail(shop: Shop, bank: Running) -> None:
    bank.may_go_on.clear()
    bank.script("refund", "late_success", provider="paypay")
    assert said(shop.refund(shop.paid(), amount=700)) == (202, "REQUEST_ACCEPTED")
    bank.http.post("/__return", json={"provider": "paypay", "provider_reference": "R1"})
    bank.may_go_on.set()
    bank.settle()
    assert shop.call("GET", "/v2/refunds/R1").json()["data"]["status"] == "REFUND_FAILED"


def test_tells_nobody_of_refunds(bank: Running) -> None:
    script = {"provider": "paypay", "operation": "refund", "behaviour": "webhook_twice"}
    assert bank.http.post("/__script", json=script).json()["code"] == "script_refused"


def test_takes_a_hold_once_and_no_more_than_it_is(shop: Shop) -> None:
    shop.paid(isAuthorization=True)
    assert shop.payment()["status"] == "AUTHORIZED"

    def capture(amount: int) -> httpx2.Response:
        money = {"amount": amount, "currency": "JPY"}
        body = {"merchantPaymentId": "P1", "merchantCaptureId": "C1", "amount": money}
        return shop.call("POST", "/v2/payments/capture", body)

    assert said(capture(1201)) == (400, "HIGHER_CAPTURE_NOT_PERMITTED")
    [taken] = capture(1000).json()["data"]["captures"]["data"]
    assert taken["amount"]["amount"] == 1000
    assert said(capture(1000)) == (400, "ALREADY_CAPTURED")


def test_lets_a_hold_go(shop: Shop) -> None:
    body = {"merchantRevertId": "V1", "paymentId": shop.paid(isAuthorization=True)}
    assert said(shop.call("POST", "/v2/payments/preauthorize/revert", body)) == (200, "SUCCESS")
    assert said(shop.call("POST", "/v2/payments/preauthorize/revert", body)) == (400, "ORDER_NOT_CANCELABLE")
    assert shop.payment()["status"] == "CANCELED"


def test_another_merchant_sees_nothing(shop: Shop, bank: Running) -> None:
    payment_id = shop.paid()
    shop.refund(payment_id, amount=100)
    bank.http.post("/__merchants", json={**MERCHANT, "key": "stranger"})
    stranger = {"x-assume-merchant": "stranger"}
    assert shop.call("GET", "/v2/codes/payments/P1", **stranger).status_code == 400
    assert shop.call("GET", "/v2/refunds/R1", **stranger).status_code == 404
    body = {"merchantRefundId": "R9", "paymentId": payment_id, "amount": {"amount": 1, "currency": "JPY"}}
    assert shop.call("POST", "/v2/refunds", body, **stranger).status_code == 404
