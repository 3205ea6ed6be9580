"""Every misbehaviour does what its name says."""

import threading
from collections.abc import Callable

import httpx2
import pytest

from tests.simulator.conftest import Running, Starter

HURRY_S = 0.2


def call(bank: Running, operation: str, *, timeout: float | None = None) -> httpx2.Response:
    """The operation once, with everything it needs prepared."""
    calls: dict[str, Callable[[], httpx2.Response]] = {
        "token": lambda: bank.http.post(
            "/scb/v1/oauth/token",
            json={"applicationKey": "key-1", "applicationSecret": "secret-1"},
            headers=bank.headers(),
        ),
        "create": bank.create,
        "inquiry": bank.inquire,
        "pay": lambda: bank.pay(bank.bank.truth.charges()[0].qr_payload),
    }
    if timeout is not None:
        bank.http.timeout = httpx2.Timeout(10, read=timeout)
    return calls[operation]()


def prepare(bank: Running, operation: str, behaviour: str) -> None:
    if operation == "pay":
        bank.qr()
    bank.script(operation, behaviour, times=1)


BOOKED = {"token": [], "inquiry": [], "create": ["pending"], "pay": ["paid"]}
UNTOUCHED = {"token": [], "inquiry": [], "create": [], "pay": ["pending"]}
OPERATIONS = sorted(BOOKED)


def states(bank: Running) -> list[str]:
    return [status for _, status, _ in bank.charges()]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_decline_refuses_and_books_nothing(bank: Running, operation: str) -> None:
    prepare(bank, operation, "decline")
    assert 400 <= call(bank, operation).status_code < 500
    assert states(bank) == UNTOUCHED[operation]
    assert call(bank, operation).status_code == 200


@pytest.mark.parametrize("operation", OPERATIONS)
def test_500_after_books_and_answers_500(bank: Running, operation: str) -> None:
    prepare(bank, operation, "500_after")
    assert call(bank, operation).status_code == 500
    assert states(bank) == BOOKED[operation]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_rst_after_books_and_resets_the_connection(bank: Running, operation: str) -> None:
    prepare(bank, operation, "rst_after")
    with pytest.raises(httpx2.ReadError, match="reset by peer"):
        call(bank, operation)
    assert states(bank) == BOOKED[operation]


@pytest.mark.parametrize("operation", ["token", "pay"])
@pytest.mark.parametrize(("behaviour", "expected"), [("hang_before", UNTOUCHED), ("hang_after", BOOKED)])
def test_a_hang_never_answers(
    bank: Running, operation: str, behaviour: str, expected: dict[str, list[str]]
) -> None:
    prepare(bank, operation, behaviour)
    with pytest.raises(httpx2.ReadTimeout):
        call(bank, operation, timeout=HURRY_S)
    assert states(bank) == expected[operation]


@pytest.mark.parametrize(("behaviour", "expected"), [("hang_before", []), ("hang_after", ["pending"])])
def test_a_hanging_create_never_answers(bank: Running, behaviour: str, expected: list[str]) -> None:
    bank.script("create", behaviour)
    with pytest.raises(httpx2.ReadTimeout):
        bank.create(timeout=HURRY_S)
    assert states(bank) == expected


def test_a_hang_ends_with_a_closed_connection(start: Starter) -> None:
    bank = start(hang_s=0.01)
    bank.script("create", "hang_after")
    with pytest.raises(httpx2.TransportError):
        bank.create()
    assert states(bank) == ["pending"]


def test_what_was_created_without_an_answer_can_be_paid(bank: Running) -> None:
    bank.script("create", "500_after", times=1)
    bank.create()
    (charge,) = bank.http.get("/__truth").json()["charges"]
    assert bank.pay(charge["qr_payload"]).status_code == 200
    assert len(bank.found()) == 1


def test_lie_pending_hides_a_payment_for_a_while(bank: Running) -> None:
    bank.pay(bank.qr())
    bank.script("inquiry", "lie_pending", times=2)
    assert [len(bank.found()) for _ in range(3)] == [0, 0, 1]


def test_webhook_first_pays_and_calls_back_before_the_create_call_is_answered(bank: Running) -> None:
    bank.script("create", "webhook_first", times=1)
    seen: list[list[tuple[str, str, int]]] = []
    answered = threading.Event()

    def look() -> None:
        assert not answered.is_set()
        seen.append(
            [(charge.reference, charge.status, charge.amount) for charge in bank.bank.truth.charges()]
        )

    bank.merchant.looks = look
    assert bank.create().status_code == 200
    answered.set()
    assert seen == [[("REF1", "paid", 12550)]]
    assert bank.merchant.references == ["REF1"]


def test_a_refused_first_webhook_is_sent_again_after_the_answer(bank: Running) -> None:
    bank.script("create", "webhook_first", times=1)
    bank.merchant.answers = [httpx2.Response(404)]
    assert bank.create().status_code == 200
    bank.settle()
    assert bank.merchant.references == ["REF1", "REF1"]


@pytest.mark.parametrize("operation", ["create", "pay", "callback"])
@pytest.mark.parametrize(("behaviour", "count"), [("webhook_twice", 2), ("no_webhook", 0), ("ok", 1)])
def test_webhooks_come_as_often_as_scripted(
    bank: Running, operation: str, behaviour: str, count: int
) -> None:
    bank.script(operation, behaviour, times=1)
    bank.pay(bank.qr())
    bank.settle()
    assert len(bank.merchant.received) == count
    assert states(bank) == ["paid"]
    assert len({payload["transactionId"] for payload in bank.merchant.received}) == min(count, 1)


@pytest.mark.parametrize("operation", ["create", "pay", "callback"])
def test_webhook_shuffled_sends_the_newest_first(bank: Running, operation: str) -> None:
    bank.script(operation, "webhook_shuffled")
    bank.may_go_on.clear()
    for reference in ("R1", "R2", "R3"):
        bank.pay(bank.qr(reference))
    assert bank.merchant.received == []
    bank.may_go_on.set()
    bank.settle()
    assert bank.merchant.references == ["R3", "R2", "R1"]
    assert bank.pauses == [bank.bank.settings.shuffle_s]


@pytest.mark.parametrize("operation", ["create", "pay"])
def test_late_success_books_some_seconds_later(bank: Running, operation: str) -> None:
    bank.script(operation, "late_success", times=1)
    bank.may_go_on.clear()
    qr = bank.qr()
    assert bank.pay(qr).json() == {"status": "accepted", "provider_reference": None, "amount": 12550}
    assert bank.pay(qr).status_code == 409
    assert (states(bank), bank.found(), bank.merchant.received) == (["pending"], [], [])
    bank.may_go_on.set()
    bank.settle()
    assert bank.pauses == [bank.bank.settings.late_s]
    assert (states(bank), len(bank.found()), bank.merchant.references) == (["paid"], 1, ["REF1"])


def test_a_create_that_ignores_idempotency_accepts_a_reference_twice(bank: Running) -> None:
    bank.script("create", "ignores_idempotency")
    first, second = bank.qr(), bank.qr()
    assert first == second
    assert states(bank) == ["pending", "pending"]
    assert [bank.pay(first).status_code for _ in range(3)] == [200, 200, 409]
    assert len(bank.found()) == 2


def test_a_payment_that_ignores_idempotency_takes_the_money_twice(bank: Running) -> None:
    qr = bank.qr()
    bank.pay(qr)
    bank.script("pay", "ignores_idempotency", times=1)
    again = bank.pay(qr).json()
    bank.settle()
    assert states(bank) == ["paid", "paid"]
    assert [record["transactionId"] for record in bank.found()][1] == again["provider_reference"]
    assert len(bank.merchant.received) == 2


def test_a_malformed_call_uses_up_no_script(bank: Running) -> None:
    bank.script("create", "decline", times=1)
    bank.script("pay", "decline", times=1)
    bank.create(amount="no")
    bank.pay("no")
    assert len(bank.http.get("/__script").json()["scripts"]) == 2
