"""The bank's API speaks as SCB documents it."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.emvco import BillPaymentQr, read_bill_payment
from tests.simulator.conftest import BILLER, Running, Starter


def code(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json()["status"]["code"]


def test_a_token_lives_half_an_hour(bank: Running) -> None:
    body = {"applicationKey": "key-1", "applicationSecret": "secret-1"}
    answer = bank.http.post("/scb/v1/oauth/token", json=body, headers=bank.headers())
    data = answer.json()["data"]
    assert answer.json()["status"] == {"code": 1000, "description": "Success"}
    assert data == {
        "accessToken": data["accessToken"],
        "tokenType": "Bearer",
        "expiresIn": 1800,
        "expiresAt": int(bank.now.timestamp()) + 1800,
    }


@pytest.mark.parametrize("missing", ["resourceOwnerId", "requestUId", "accept-language"])
def test_a_call_without_its_headers_is_refused(bank: Running, missing: str) -> None:
    headers = {name: value for name, value in bank.authorized().items() if name != missing}
    body = {"applicationKey": "key-1", "applicationSecret": "secret-1"}
    assert code(bank.http.post("/scb/v1/oauth/token", json=body, headers=headers)) == (401, 9100)
    assert code(bank.http.post("/scb/v1/payment/qrcode/create", json={}, headers=headers)) == (401, 9100)
    assert code(bank.http.get("/scb/v1/payment/billpayment/inquiry", headers=headers)) == (401, 9100)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, 1101)),
        ({"applicationKey": "key-1"}, (400, 1101)),
        ({"applicationKey": "key-1", "applicationSecret": ""}, (400, 1102)),
        ({"applicationKey": "key-1", "applicationSecret": "wrong"}, (401, 9500)),
        ({"applicationKey": "other", "applicationSecret": "secret-1"}, (401, 9500)),
        ({"applicationKey": "key-1", "applicationSecret": "secret-1"}, (200, 1000)),
    ],
)
def test_only_known_applications_get_a_token(
    start: Starter, body: dict[str, str], expected: tuple[int, int]
) -> None:
    bank = start(applications={"key-1": "secret-1"})
    assert code(bank.http.post("/scb/v1/oauth/token", json=body, headers=bank.headers())) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"authorization": None}, (401, 9100)),
        ({"authorization": "Bearer forged"}, (401, 9300)),
        ({"authorization": "Basic a2V5"}, (401, 9300)),
        ({"resourceOwnerId": "key-2"}, (401, 9500)),
        ({"accept-language": "FR"}, (400, 1102)),
    ],
)
def test_a_call_needs_a_token_of_its_caller(
    bank: Running, changed: dict[str, str | None], expected: tuple[int, int]
) -> None:
    headers = bank.headers(**({"authorization": f"Bearer {bank.token()}"} | changed))
    assert code(bank.http.post("/scb/v1/payment/qrcode/create", json={}, headers=headers)) == expected


def test_a_token_dies_at_its_end(bank: Running) -> None:
    headers = bank.authorized()
    bank.now += timedelta(seconds=1799)
    assert code(bank.http.get("/scb/v1/payment/billpayment/inquiry", headers=headers)) == (400, 1101)
    bank.now += timedelta(seconds=1)
    assert code(bank.http.get("/scb/v1/payment/billpayment/inquiry", headers=headers)) == (401, 9300)


def test_a_code_carries_the_biller_the_references_and_the_amount(bank: Running) -> None:
    assert read_bill_payment(bank.qr()) == BillPaymentQr(
        biller_id=BILLER, reference1="REF1", reference2="B1", reference3="SCB", amount=12550
    )
    assert bank.charges() == [("REF1", "pending", 12550)]


def test_a_code_comes_with_its_picture(start: Starter) -> None:
    data = start(draws_images=True).create().json()["data"]
    assert base64.b64decode(data["qrImage"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"qrType": None}, 1101),
        ({"qrType": "CS"}, 1102),
        ({"ppType": "MSISDN"}, 1102),
        ({"ppId": "123"}, 1102),
        ({"amount": None}, 1101),
        ({"amount": ""}, 1103),
        ({"amount": 100}, 1102),
        ({"amount": "0.00"}, 1102),
        ({"amount": "1.005"}, 1102),
        ({"amount": "12345678901.00"}, 1102),
        ({"ref1": None}, 1101),
        ({"ref1": "lower"}, 1102),
        ({"ref1": "A" * 21}, 1102),
        ({"ref2": "B-1"}, 1102),
        ({"ref3": None}, 1101),
        ({"ref3": "XYZ"}, 1102),
    ],
)
def test_a_wrong_request_registers_nothing(bank: Running, changed: dict[str, Any], expected: int) -> None:
    answer = bank.create(**({"ref1": "REF1"} | changed))
    assert code(answer) == (400, expected)
    assert next(iter(changed)) in answer.json()["status"]["description"]
    assert bank.charges() == []


def test_the_second_reference_may_be_left_out(bank: Running) -> None:
    assert read_bill_payment(bank.qr(ref2=None)).reference2 == ""


def test_the_same_references_again_are_a_duplicate(bank: Running) -> None:
    bank.qr()
    assert code(bank.create()) == (400, 1111)
    assert code(bank.create(amount="1.00")) == (400, 1111)
    assert bank.create(ref2="B2").status_code == 200
    assert len(bank.charges()) == 2


def test_a_body_that_is_no_object_is_answered_in_the_banks_words(bank: Running) -> None:
    path, headers = "/scb/v1/payment/qrcode/create", bank.authorized()
    assert code(bank.http.post(path, content=b"{", headers=headers)) == (400, 1102)
    assert code(bank.http.post(path, content=b"[1]", headers=headers)) == (400, 1102)
    assert bank.http.post(path, content=b"x" * 65537, headers=headers).status_code == 413


def test_an_inquiry_knows_nothing_before_the_payment(bank: Running) -> None:
    bank.qr()
    assert bank.found() == []


def test_an_inquiry_shows_the_money_that_arrived(bank: Running) -> None:
    bank.pay(bank.qr())
    (record,) = bank.found()
    (charge,) = bank.http.get("/__truth").json()["charges"]
    assert record == record | {
        "transactionId": charge["provider_reference"],
        "amount": "125.50",
        "transactionDateandTime": "2026-11-21T12:00:00+07:00",
        "currencyCode": "764",
        "payeeProxyType": "BILLERID",
        "payeeProxyId": BILLER,
        "billPaymentRef1": "REF1",
        "billPaymentRef2": "B1",
        "billPaymentRef3": "SCB",
        "reverseFlag": "",
    }
    assert "status" not in record


@pytest.mark.parametrize(
    ("changed", "count"),
    [
        ({}, 1),
        ({"reference2": "B1"}, 1),
        ({"reference2": "B2"}, 0),
        ({"amount": "125.50"}, 1),
        ({"amount": "125.51"}, 0),
        ({"billerId": "999999999999999"}, 0),
        ({"transactionDate": "2026-11-20"}, 0),
    ],
)
def test_an_inquiry_finds_what_it_asks_for(bank: Running, changed: dict[str, str], count: int) -> None:
    bank.pay(bank.qr())
    assert len(bank.found(**changed)) == count


def test_the_day_of_a_payment_is_bangkoks(bank: Running) -> None:
    bank.now = datetime(2026, 11, 21, 17, 30, tzinfo=UTC)
    bank.pay(bank.qr())
    assert len(bank.found(transactionDate="2026-11-22")) == 1
    assert bank.found(transactionDate="2026-11-21") == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"eventCode": None}, 1101),
        ({"eventCode": "00300104"}, 1102),
        ({"transactionDate": "21-11-2026"}, 1102),
        ({"transactionDate": "2026-13-01"}, 1102),
        ({"billerId": "1"}, 1102),
        ({"reference1": None}, 1101),
        ({"reference1": "x"}, 1102),
        ({"reference2": "x"}, 1102),
        ({"amount": "much"}, 1102),
    ],
)
def test_a_wrong_inquiry_is_refused(bank: Running, changed: dict[str, str | None], expected: int) -> None:
    assert code(bank.inquire(**changed)) == (400, expected)
