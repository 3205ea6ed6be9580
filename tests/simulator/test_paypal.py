"""PayPal's stand-in ..."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from simulator.paypal.signing import identity, pem, sign
from tests.simulator.conftest import NOON

BASE = "/paypal/v2/checkout/orders"
THB = {"currency_code": "THB", "value": "125.50"}


class Caller:
    """A merchant's server."""

    def __init__(self, bank) -> None:
        self.bank, self.count = bank, 0
        basic = base64.b64encode(b"client:secret").decode()
        answer = bank.http.post(
            "/paypal/v1/oauth2/token",
            data={"grant_type": "client_credentials"},
            headers={"authorization": f"Basic {basic}"},
        )
        self.token = answer.json()["access_token"]

    def post(self, path, body=None, *, key=None):
        self.count += 1
        headers = {"authorization": f"Bearer {self.token}", "paypal-request-id": key or f"K{self.count}"}
        return self.bank.http.post(path, json=body or {}, headers=headers)

    def get(self, path):
        return self.bank.http.get(path, headers={"authorization": f"Bearer {self.token}"})

    def order(self, *, intent="CAPTURE", amount=None, agreed=False, key=None):
        unit = {"amount": amount or THB, "custom_id": "OURS", "invoice_id": "OURS"}
        body = {"intent": intent, "purchase_units": [unit], "payment_source": {"paypal": {}}}
        answer = self.post(BASE, body, key=key)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        if agreed:
            assert self.bank.pay(link(made)).status_code == 200
        return made


def link(order) -> str:
    return next(each["href"] for each in order["links"] if each["rel"] == "payer-action")


def issue(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["details"][0]["issue"]


@pytest.fixture
def caller(bank):
    return Caller(bank)


def test_moves_money_only_after_the_payer_and_the_merchant(bank, caller):
    order = caller.order()
    finish = f"{BASE}/{order['id']}/capture"
    assert (order["status"], issue(caller.post(finish))) == (
        "PAYER_ACTION_REQUIRED",
        (422, "ORDER_NOT_APPROVED"),
    )
    bank.pay(link(order))
    assert caller.get(f"{BASE}/{order['id']}").json()["status"] == "APPROVED"
    assert bank.charges() == [("OURS", "agreed", 12550)]
    done = caller.post(finish, key="FINISH").json()
    [capture] = done["purchase_units"][0]["payments"]["captures"]
    assert (done["status"], capture["status"], capture["amount"]) == ("COMPLETED", "COMPLETED", THB)
    assert bank.charges() == [("OURS", "paid", 12550)]
    assert caller.post(finish, key="FINISH").json() == done
    assert issue(caller.post(finish)) == (422, "ORDER_ALREADY_CAPTURED")


def test_lets_a_payer_agree_once(bank, caller):
    order = caller.order(agreed=True)
    assert bank.pay(link(order)).status_code == 409


def test_gives_the_same_order_under_the_same_key(bank, caller):
    first, second = caller.order(key="K"), caller.order(key="K")
    assert first == second
    assert len(bank.charges()) == 1


def test_refuses_another_call_under_the_same_key(caller):
    caller.order(key="K")
    unit = {"amount": {**THB, "value": "1.00"}}
    body = {"intent": "CAPTURE", "purchase_units": [unit], "payment_source": {"paypal": {}}}
    assert caller.post(BASE, body, key="K").status_code == 422


def test_forgets_an_order_that_nobody_approves(bank, caller):
    order = caller.order()
    bank.now = NOON.replace(hour=8, minute=1)
    assert bank.pay(link(order)).status_code == 409
    assert caller.get(f"{BASE}/{order['id']}").status_code == 404


def test_captures_a_hold_in_parts_and_gives_back_by_capture(bank, caller):
    order = caller.order(intent="AUTHORIZE", agreed=True)
    held = caller.post(f"{BASE}/{order['id']}/authorize").json()
    [hold] = held["purchase_units"][0]["payments"]["authorizations"]
    assert hold["status"] == "CREATED"
    path = f"/paypal/v2/payments/authorizations/{hold['id']}/capture"
    parts = [{"amount": {**THB, "value": value}, "invoice_id": value} for value in ("50.00", "60.00")]
    first, second = (caller.post(path, part).json() for part in parts)
    assert issue(caller.post(path, parts[0] | {"amount": {**THB, "value": "1.00"}})) == (
        422,
        "DUPLICATE_INVOICE_ID",
    )
    assert issue(caller.post(path, {"amount": {**THB, "value": "16.00"}})) == (
        422,
        "MAX_CAPTURE_AMOUNT_EXCEEDED",
    )
    assert bank.charges() == [("OURS", "paid", 11000)]
    back = f"/paypal/v2/payments/captures/{first['id']}/refund"
    assert issue(caller.post(back, {"amount": {**THB, "value": "50.01"}})) == (422, "REFUND_AMOUNT_EXCEEDED")
    assert caller.post(back).json()["amount"]["value"] == "50.00"
    assert issue(caller.post(back)) == (422, "CAPTURE_FULLY_REFUNDED")
    statuses = [
        caller.get(f"/paypal/v2/payments/captures/{each['id']}").json()["status"] for each in (first, second)
    ]
    assert statuses == ["REFUNDED", "COMPLETED"]
    void = f"/paypal/v2/payments/authorizations/{hold['id']}/void"
    assert caller.post(void).status_code == 200
    assert issue(caller.post(path, {"amount": {**THB, "value": "1.00"}})) == (
        422,
        "AUTHORIZATION_ALREADY_CAPTURED",
    )
    assert issue(caller.post(void)) == (422, "PREVIOUSLY_CAPTURED")


@pytest.mark.parametrize(
    ("amount", "refused"),
    [
        ({"currency_code": "JPY", "value": "10.50"}, (422, "DECIMALS_NOT_SUPPORTED")),
        ({"currency_code": "HUF", "value": "10.00"}, (422, "DECIMALS_NOT_SUPPORTED")),
        ({"currency_code": "THB", "value": "10.505"}, (422, "DECIMAL_PRECISION")),
        ({"currency_code": "THB", "value": "0.00"}, (422, "CANNOT_BE_ZERO_OR_NEGATIVE")),
        ({"currency_code": "THB", "value": "-1.00"}, (400, "INVALID_PARAMETER_SYNTAX")),
        ({"currency_code": "VND", "value": "1000"}, (422, "CURRENCY_NOT_SUPPORTED")),
    ],
)
def test_refuses_amounts_that_paypal_refuses(caller, amount, refused):
    body = {"intent": "CAPTURE", "purchase_units": [{"amount": amount}], "payment_source": {"paypal": {}}}
    assert issue(caller.post(BASE, body)) == refused


def test_answers_nobody_without_a_token_and_no_stranger(bank, caller):
    order = caller.order()
    assert bank.http.get(f"{BASE}/{order['id']}").status_code == 401
    basic = base64.b64encode(b"other:secret").decode()
    answer = bank.http.post(
        "/paypal/v1/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={"authorization": f"Basic {basic}"},
    )
    caller.token = answer.json()["access_token"]
    assert caller.get(f"{BASE}/{order['id']}").status_code == 404


def test_serves_the_certificate_that_its_notices_are_signed_with(bank):
    headers = sign(b"{}", webhook="W", base=f"{bank.url}/paypal", at=NOON)
    answer = bank.http.get(headers["paypal-cert-url"])
    certificate = x509.load_pem_x509_certificate(answer.content)
    message = (
        f"{headers['paypal-transmission-id']}|{headers['paypal-transmission-time']}|W|2745614147".encode()
    )
    signature = base64.b64decode(headers["paypal-transmission-sig"])
    certificate.public_key().verify(signature, message, PKCS1v15(), SHA256())
    certificate.verify_directly_issued_by(identity().authority)
    assert bank.http.get(headers["paypal-cert-url"] + "0").status_code == 404


def test_keeps_its_authority_where_it_is_told_to(start, tmp_path):
    start(paypal_ca=tmp_path / "ca.pem")
    assert (tmp_path / "ca.pem").read_bytes() == pem(identity().authority)
