"""The customer pays a code in the bank's app."""

import pytest

from simulator.emvco import BillPaymentQr, write_bill_payment
from tests.simulator.conftest import BILLER, Running

STATIC = BillPaymentQr(biller_id=BILLER, reference1="REF1", reference2="B1", reference3="", amount=None)


def test_a_paid_code_is_booked_and_called_back(bank: Running) -> None:
    answer = bank.pay(bank.qr())
    bank.settle()
    (charge,) = bank.http.get("/__truth").json()["charges"]
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "paid", "provider_reference": charge["provider_reference"], "amount": 12550},
    )
    assert charge == charge | {
        "provider": "scb",
        "reference": "REF1",
        "amount": 12550,
        "currency": "THB",
        "status": "paid",
        "paid_at": "2026-11-21T05:00:00Z",
    }
    (payload,) = bank.merchant.received
    assert payload == payload | {
        "url": "http://merchant.test/scb",
        "transactionId": charge["provider_reference"],
        "amount": "125.50",
        "transactionDateandTime": "2026-11-21T12:00:00+07:00",
        "payeeProxyId": BILLER,
        "billPaymentRef1": "REF1",
        "billPaymentRef2": "B1",
        "billPaymentRef3": "SCB",
    }


def test_a_code_is_paid_once(bank: Running) -> None:
    qr = bank.qr()
    bank.pay(qr)
    again = bank.pay(qr)
    bank.settle()
    assert (again.status_code, again.json()["code"]) == (409, "already_paid")
    assert bank.charges() == [("REF1", "paid", 12550)]
    assert len(bank.merchant.received) == 1


def test_an_unknown_code_is_not_found(bank: Running) -> None:
    answer = bank.pay(write_bill_payment(STATIC))
    assert (answer.status_code, answer.json()["code"]) == (404, "qr_unknown")


@pytest.mark.parametrize("qr_payload", ["", "hello", None, 5, "ไทย"])
def test_a_broken_code_is_refused(bank: Running, qr_payload: object) -> None:
    answer = bank.pay(qr_payload)
    assert (answer.status_code, answer.json()["code"]) == (400, "qr_malformed")


def test_a_code_without_an_amount_takes_the_customers(bank: Running) -> None:
    bank.qr()
    static = write_bill_payment(STATIC)
    assert bank.pay(static).json()["code"] == "amount_required"
    assert bank.pay(static, amount=700).status_code == 200
    assert bank.charges() == [("REF1", "paid", 700)]


@pytest.mark.parametrize("amount", [0, -1, 1.5, "7", True, 10**12])
def test_an_impossible_amount_is_refused(bank: Running, amount: object) -> None:
    bank.qr()
    answer = bank.pay(write_bill_payment(STATIC), amount=amount)
    assert (answer.status_code, answer.json()["code"]) == (400, "amount_invalid")
    assert bank.charges() == [("REF1", "pending", 12550)]


def test_the_amount_of_a_code_stands(bank: Running) -> None:
    qr = bank.qr()
    assert bank.pay(qr, amount=1).json()["code"] == "amount_fixed"
    assert bank.pay(qr, amount=12550).status_code == 200


def test_a_code_of_another_make_for_the_same_charge_is_paid(bank: Running) -> None:
    bank.qr()
    own = BillPaymentQr(biller_id=BILLER, reference1="REF1", reference2="B1", reference3="SCB1", amount=12550)
    assert bank.pay(write_bill_payment(own)).status_code == 200
