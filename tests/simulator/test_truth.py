"""The bank's books outlive the process that keeps them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulator.truth import Charge, Journal, Truth

AT = datetime(2026, 11, 21, 5, tzinfo=UTC)


@pytest.fixture
def books(tmp_path: Path) -> Iterator["Books"]:
    books = Books(tmp_path / "books.jsonl")
    yield books
    books.close()


class Books:
    """Truths on one journal, each as after a restart."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: list[Truth] = []

    def open(self) -> Truth:
        self._opened.append(Truth(Journal(self.path)))
        return self._opened[-1]

    def close(self) -> None:
        for truth in self._opened:
            truth.close()


def charge(number: int, reference: str = "R1", reference2: str = "B1") -> Charge:
    return Charge(
        number=number,
        provider="scb",
        biller_id="1",
        reference=reference,
        reference2=reference2,
        reference3="SCB",
        amount=100,
        currency="THB",
        qr_payload="qr",
        created_at=AT,
    )


def test_a_restarted_bank_knows_what_it_knew(books: Books) -> None:
    truth = books.open()
    truth.register(charge(1))
    paid = truth.register(charge(2, "R2"))
    truth.book(paid, amount=250, provider_reference="T1", paid_at=AT)

    again = books.open()

    assert again.charges() == truth.charges()
    assert [(c.number, c.status, c.amount) for c in again.charges()] == [
        (1, "pending", 100),
        (2, "paid", 250),
    ]
    assert again.next_number() == 3


def test_a_line_torn_by_a_kill_does_not_spoil_the_others(books: Books) -> None:
    books.open().register(charge(1))
    with books.path.open("ab") as torn:
        torn.write(b'{"number":2,"provi')

    again = books.open()
    again.register(charge(2, "R2"))

    assert [c.number for c in books.open().charges()] == [1, 2]


def test_the_journal_does_not_grow_with_restarts(books: Books) -> None:
    truth = books.open()
    truth.book(truth.register(charge(1)), amount=100, provider_reference="T1", paid_at=AT)
    assert len(books.path.read_bytes().splitlines()) == 2
    books.open()
    assert len(books.path.read_bytes().splitlines()) == 1


def test_a_reset_empties_the_journal_too(books: Books) -> None:
    truth = books.open()
    truth.register(charge(1))
    truth.reset()
    assert truth.charges() == []
    assert books.open().charges() == []


def test_charges_are_found_by_their_references() -> None:
    truth = Truth(Journal(None))
    first, second = truth.register(charge(1)), truth.register(charge(2, "R1", "B2"))
    assert truth.find(provider="scb", biller_id="1", reference="R1") == [first, second]
    assert truth.find(provider="scb", biller_id="1", reference="R1", reference2="B2") == [second]
    assert truth.find(provider="scb", biller_id="2", reference="R1") == []


def test_a_charge_is_paid_once() -> None:
    truth = Truth(Journal(None))
    paid = truth.book(truth.register(charge(1)), amount=100, provider_reference="T1", paid_at=AT)
    with pytest.raises(ValueError, match="paid already"):
        truth.book(paid, amount=100, provider_reference="T2", paid_at=AT)
    assert paid.provider_reference == "T1"
