"""The bank tells the merchant until the merchant has understood, within reason."""

import httpx2
import pytest

from tests.simulator.conftest import Running

ACCEPTED = httpx2.Response(200, json={"resCode": "00", "resDesc": "success"})


def unaccepted() -> list[httpx2.Response | Exception]:
    return [
        httpx2.Response(500),
        httpx2.Response(201, json={"resCode": "00"}),
        httpx2.Response(200, json={"resCode": "99"}),
        httpx2.Response(200, json=["00"]),
        httpx2.Response(200, text="ok"),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
    ]


@pytest.mark.parametrize("answer", unaccepted(), ids=lambda answer: str(answer)[:40])
def test_anything_but_200_with_code_00_is_tried_again(
    bank: Running, answer: httpx2.Response | Exception
) -> None:
    bank.merchant.answers = [answer, ACCEPTED]
    bank.pay(bank.qr())
    bank.settle()
    assert len(bank.merchant.received) == 2
    assert bank.merchant.received[0] == bank.merchant.received[1]
    assert bank.pauses == [bank.bank.settings.callback_retry_s]


def test_the_bank_gives_up_after_three_more_tries(bank: Running) -> None:
    bank.merchant.answers = [httpx2.Response(500) for _ in range(9)]
    bank.pay(bank.qr())
    bank.settle()
    assert len(bank.merchant.received) == 4
    assert bank.pauses == [bank.bank.settings.callback_retry_s] * 3
    shown = bank.http.get("/__callbacks").json()["callbacks"]
    assert [(entry["attempt"], entry["status"], entry["accepted"]) for entry in shown] == [
        (1, 500, False),
        (2, 500, False),
        (3, 500, False),
        (4, 500, False),
    ]


def test_a_shuffled_callback_is_repeated_too(bank: Running) -> None:
    bank.script("callback", "webhook_shuffled")
    bank.merchant.answers = [httpx2.Response(500)]
    bank.pay(bank.qr())
    bank.settle()
    assert bank.merchant.references == ["REF1", "REF1"]


def test_a_reset_drops_what_is_under_way(bank: Running) -> None:
    bank.script("pay", "late_success")
    bank.may_go_on.clear()
    bank.pay(bank.qr())
    bank.http.post("/__reset")
    bank.may_go_on.set()
    bank.settle()
    assert (bank.charges(), bank.merchant.received) == ([], [])
