"""Omise's stand-in speaks as Omise documents it."""

from datetime import timedelta

import httpx2
import pytest

from tests.simulator.conftest import Running
from tests.simulator.test_cards import card, headers, make

PROMPTPAY = {
    "amount": "12550",
    "currency": "thb",
    "source[type]": "promptpay",
    "metadata[reference]": "R1",
}


def charges(bank: Running, **query: str) -> httpx2.Response:
    return bank.http.get("/omise/charges", params=query, headers=headers("omise"))


def code(bank: Running) -> str:
    [charge] = bank.http.get("/__truth").json()["charges"]
    return str(charge["qr_payload"])


def test_a_card_is_charged_at_once(bank: Running) -> None:
    shown = make(bank, "omise").json()
    assert shown == shown | {
        "object": "charge",
        "amount": 12550,
        "captured_amount": 12550,
        "currency": "THB",
        "status": "successful",
        "paid": True,
        "metadata": {"reference": "R1"},
    }
    assert bank.charges() == [("R1", "paid", 12550)]


def test_a_declined_card_is_an_answer_not_an_error(bank: Running) -> None:
    answer = make(bank, "omise", fields=card("omise", card="tokn_test_insufficient_fund"))
    assert (answer.status_code, answer.json()["status"], answer.json()["failure_code"]) == (
        200,
        "failed",
        "insufficient_fund",
    )
    assert bank.charges() == [("R1", "failed", 12550)]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"amount": "0"}, 400),
        ({"amount": "1.5"}, 400),
        ({"currency": "vnd"}, 400),
        ({"card": "card_1"}, 404),
        ({"secret": "1"}, 400),
        ({"metadata": "x"}, 400),
        ({"authorization_type": "guess"}, 400),
        ({"expires_at": "tomorrow"}, 400),
        ({"expires_at": "2026-11-21T04:59:59Z"}, 400),
    ],
)
def test_a_wrong_request_registers_nothing(bank: Running, changed: dict[str, str], status: int) -> None:
    answer = make(bank, "omise", fields=card("omise", **changed))
    assert (answer.status_code, answer.json()["object"]) == (status, "error")
    assert bank.charges() == []


@pytest.mark.parametrize("changed", [{"currency": "jpy"}, {"capture": "false"}, {"source[type]": "alipay"}])
def test_promptpay_has_rules_of_its_own(bank: Running, changed: dict[str, str]) -> None:
    assert make(bank, "omise", fields=PROMPTPAY | changed).status_code == 400
    assert bank.charges() == []


def test_another_version_is_not_spoken(bank: Running) -> None:
    sent = headers("omise") | {"omise-version": "2015-11-17"}
    assert bank.http.post("/omise/charges", data=card("omise"), headers=sent).status_code == 400


def test_a_code_is_shown_as_a_picture_and_paid_once(bank: Running) -> None:
    shown = make(bank, "omise", fields=PROMPTPAY).json()
    assert shown["status"] == "pending"
    address = shown["source"]["scannable_code"]["image"]["download_uri"]
    picture = bank.http.get(address)
    assert (picture.headers["content-type"], b"<svg" in picture.content) == ("image/svg+xml", True)
    assert bank.http.get(address.replace("docu_test", "docu_other")).status_code == 404
    assert bank.pay(code(bank)).json()["provider_reference"] == shown["id"]
    assert bank.pay(code(bank)).status_code == 409
    assert bank.charges() == [("R1", "paid", 12550)]


def test_the_picture_itself_can_be_paid_as_a_screen_shows_no_more(bank: Running) -> None:
    shown = make(bank, "omise", fields=PROMPTPAY).json()
    address = shown["source"]["scannable_code"]["image"]["download_uri"]
    assert bank.pay(address).json()["provider_reference"] == shown["id"]


def test_an_expired_code_cannot_be_paid(bank: Running) -> None:
    shown = make(bank, "omise", fields=PROMPTPAY).json()
    path = f"/omise/charges/{shown['id']}/expire"
    assert bank.http.post(path, headers=headers("omise")).json()["status"] == "expired"
    assert bank.http.post(path, headers=headers("omise")).json()["code"] == "failed_expire"
    assert bank.pay(code(bank)).json()["code"] == "code_void"


def test_a_part_is_captured_only_if_that_was_announced(bank: Running) -> None:
    sent = headers("omise")
    for kind, status in (("final_auth", 400), ("pre_auth", 200)):
        fields = card("omise", capture="false", authorization_type=kind)
        shown = make(bank, "omise", fields=fields).json()
        assert (shown["status"], shown["capturable"]) == ("pending", True)
        path = f"/omise/charges/{shown['id']}/capture"
        answer = bank.http.post(path, data={"capture_amount": "5000"}, headers=sent)
        assert answer.status_code == status
    assert (answer.json()["captured_amount"], answer.json()["amount"]) == (5000, 12550)
    assert bank.http.post(path, headers=sent).json()["code"] == "failed_capture"


def test_held_money_is_let_go_once(bank: Running) -> None:
    shown = make(bank, "omise", fields=card("omise", capture="false")).json()
    path = f"/omise/charges/{shown['id']}/reverse"
    assert bank.http.post(path, headers=headers("omise")).json()["status"] == "reversed"
    assert bank.http.post(path, headers=headers("omise")).json()["code"] == "failed_reversal"


def test_a_list_is_paged_and_ordered(bank: Running) -> None:
    ids = [make(bank, "omise").json()["id"] for _ in range(3)]
    page = charges(bank, limit="2", offset="1", order="reverse_chronological").json()
    assert ([each["id"] for each in page["data"]], page["total"]) == ([ids[1], ids[0]], 3)
    assert charges(bank, **{"from": "2026-11-21T05:00:01Z"}).json()["total"] == 0
    assert charges(bank, to="2026-11-21T04:59:59Z").json()["total"] == 0


def test_no_more_is_given_back_than_was_taken(bank: Running) -> None:
    reference = make(bank, "omise").json()["id"]
    path, sent = f"/omise/charges/{reference}/refunds", headers("omise")
    first = bank.http.post(path, data={"amount": "12000"}, headers=sent).json()
    assert (first["object"], first["status"], first["charge"]) == ("refund", "closed", reference)
    assert bank.http.post(path, data={"amount": "551"}, headers=sent).json()["code"] == "failed_refund"
    assert bank.http.get(f"/omise/charges/{reference}", headers=sent).json()["refunded_amount"] == 12000
    assert bank.http.get(f"{path}/rfnd_unknown", headers=sent).status_code == 404


def test_a_code_dies_at_the_end_that_was_asked_for(bank: Running) -> None:
    make(bank, "omise", fields=PROMPTPAY | {"expires_at": "2026-11-21T05:10:00Z"})
    bank.now += timedelta(minutes=10)
    assert bank.pay(code(bank)).json()["code"] == "code_void"
