"""Stripe's stand-in speaks as Stripe documents it."""

import httpx2
import pytest

from simulator.emvco import read_bill_payment
from tests.simulator.conftest import Running
from tests.simulator.test_cards import card, headers, make

PROMPTPAY = {
    "amount": "12550",
    "currency": "thb",
    "confirm": "true",
    "payment_method_types[]": "promptpay",
    "payment_method_data[type]": "promptpay",
    "payment_method_data[billing_details][email]": "a@example.com",
    "metadata[reference]": "R1",
}


def intents(bank: Running, **query: str) -> httpx2.Response:
    return bank.http.get("/stripe/v1/payment_intents", params=query, headers=headers("stripe"))


def test_a_card_is_charged_at_once(bank: Running) -> None:
    shown = make(bank, "stripe").json()
    assert shown == shown | {
        "object": "payment_intent",
        "amount": 12550,
        "amount_received": 12550,
        "currency": "thb",
        "status": "succeeded",
        "metadata": {"reference": "R1"},
    }
    assert bank.charges() == [("R1", "paid", 12550)]


def test_a_declined_card_comes_with_its_payment_intent(bank: Running) -> None:
    fields = card("stripe", payment_method="pm_card_chargeDeclinedInsufficientFunds")
    answer = make(bank, "stripe", fields=fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["decline_code"]) == (
        402,
        "card_declined",
        "insufficient_funds",
    )
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert bank.charges() == [("R1", "failed", 12550)]


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "1.5"}, "amount"),
        ({"amount": "999999999"}, "amount"),
        ({"amount": "25050", "currency": "isk"}, "amount"),
        ({"amount": "1234", "currency": "kwd"}, "amount"),
        ({"currency": "baht"}, "currency"),
        ({"payment_method": "card"}, "payment_method"),
        ({"confirm": "false"}, "confirm"),
        ({"secret": "1"}, "secret"),
        ({"metadata": "x"}, "metadata"),
    ],
)
def test_a_wrong_request_registers_nothing(bank: Running, changed: dict[str, str], param: str) -> None:
    answer = make(bank, "stripe", fields=card("stripe", **changed), idempotency_key="K1")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert bank.charges() == []
    assert make(bank, "stripe", idempotency_key="K1").status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"currency": "usd"},
        {"capture_method": "manual"},
        {"payment_method_data[billing_details][email]": ""},
        {"payment_method_data[type]": "card"},
    ],
)
def test_promptpay_has_rules_of_its_own(bank: Running, changed: dict[str, str]) -> None:
    assert make(bank, "stripe", fields=PROMPTPAY | changed).status_code == 400
    assert bank.charges() == []


def test_a_promptpay_code_is_paid_once(bank: Running) -> None:
    shown = make(bank, "stripe", fields=PROMPTPAY).json()
    code = shown["next_action"]["promptpay_display_qr_code"]["data"]
    assert shown["status"] == "requires_action"
    assert read_bill_payment(code).amount == 12550
    assert bank.pay(code).json()["provider_reference"] == shown["id"]
    assert bank.pay(code).status_code == 409
    assert bank.charges() == [("R1", "paid", 12550)]


def test_a_cancelled_code_cannot_be_paid(bank: Running) -> None:
    shown = make(bank, "stripe", fields=PROMPTPAY).json()
    path = f"/stripe/v1/payment_intents/{shown['id']}/cancel"
    assert bank.http.post(path, headers=headers("stripe")).json()["status"] == "canceled"
    again = bank.http.post(path, headers=headers("stripe"))
    assert again.json()["error"]["payment_intent"]["status"] == "canceled"
    code = shown["next_action"]["promptpay_display_qr_code"]["data"]
    assert bank.pay(code).json()["code"] == "code_void"


def test_a_holder_proves_who_they_are_where_they_are_sent(bank: Running) -> None:
    fields = card("stripe", payment_method="pm_card_threeDSecureRequired", return_url="https://shop.example")
    shown = make(bank, "stripe", fields=fields).json()
    assert shown["status"] == "requires_action"
    address = shown["next_action"]["redirect_to_url"]["url"]
    assert bank.pay(address).status_code == 200
    assert bank.charges() == [("R1", "paid", 12550)]


def test_held_money_is_taken_once_and_at_most_all_of_it(bank: Running) -> None:
    shown = make(bank, "stripe", fields=card("stripe", capture_method="manual")).json()
    assert (shown["status"], shown["amount_capturable"]) == ("requires_capture", 12550)
    path = f"/stripe/v1/payment_intents/{shown['id']}/capture"
    sent = headers("stripe")
    assert bank.http.post(path, data={"amount_to_capture": "12551"}, headers=sent).status_code == 400
    taken = bank.http.post(path, data={"amount_to_capture": "5000"}, headers=sent).json()
    assert (taken["status"], taken["amount"], taken["amount_received"]) == ("succeeded", 12550, 5000)
    assert bank.http.post(path, data={"amount_to_capture": "1"}, headers=sent).status_code == 400
    assert bank.charges() == [("R1", "paid", 5000)]


def test_a_list_is_newest_first_and_paged(bank: Running) -> None:
    ids = [make(bank, "stripe").json()["id"] for _ in range(3)]
    first = intents(bank, limit="2").json()
    assert ([each["id"] for each in first["data"]], first["has_more"]) == ([ids[2], ids[1]], True)
    rest = intents(bank, limit="2", starting_after=ids[1]).json()
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == ([ids[0]], False)


def test_a_list_begins_and_ends_when_asked(bank: Running) -> None:
    make(bank, "stripe")
    now = int(bank.now.timestamp())
    for query, count in (
        ({"created[gte]": str(now)}, 1),
        ({"created[gte]": str(now + 1)}, 0),
        ({"created[lte]": str(now - 1)}, 0),
    ):
        assert len(intents(bank, **query).json()["data"]) == count


def test_no_more_is_given_back_than_was_taken(bank: Running) -> None:
    reference = make(bank, "stripe").json()["id"]
    sent, path = headers("stripe"), "/stripe/v1/refunds"
    over = bank.http.post(path, data={"payment_intent": reference, "amount": "12551"}, headers=sent)
    assert over.json()["error"]["code"] == "amount_too_large"
    assert bank.http.post(path, data={"payment_intent": reference}, headers=sent).json()["amount"] == 12550
    again = bank.http.post(path, data={"payment_intent": reference, "amount": "1"}, headers=sent)
    assert again.json()["error"]["code"] == "charge_already_refunded"
    assert bank.http.get(f"{path}/re_unknown", headers=sent).status_code == 404
