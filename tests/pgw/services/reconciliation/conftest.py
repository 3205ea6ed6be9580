"""Statements of the fake provider, made from what it did, and short ways to take them in."""

import datetime as dt
import io

import pytest

from mpac.pgw.db import atomic
from mpac.pgw.domain.statements.profiles import declared_profile
from mpac.pgw.models import (
    Dispute,
    ExceptionEvent,
    LatePayment,
    ReconciliationException,
    StatementFile,
    StatementLine,
)
from mpac.pgw.services.statement_import import Source, import_statement
from tests.pgw.conftest import SCOPE

LAYOUT = """
name = "fake"
provider = "fake"
sign = "kind"
lag_hours = 24
optional = ["fee", "net"]
[columns]
reference = ["reference"]
payment_reference = ["payment"]
our_reference = ["key"]
operation_reference = ["operation"]
occurred_at = ["at"]
kind = "kind"
currency = "currency"
amount = "amount"
fee = ["fee"]
net = "net"
[kinds]
payment = "payment"
refund = "refund"
refund_reversal = "refund_reversal"
chargeback = "chargeback"
chargeback_reversal = "chargeback_reversal"
second_chargeback = "second_chargeback"
fee = "fee"
"""
COLUMNS = ("reference", "payment", "key", "operation", "at", "kind", "currency", "amount", "fee", "net")


def quiet(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


class Statements:
    """Writes statements and takes them in as merchant 11's."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        self.profile = declared_profile("evidence = true\n" + LAYOUT)
        self.hints = declared_profile(LAYOUT)

    def line(self, kind="payment", **cells) -> dict[str, str]:
        usual = {"at": self.now.isoformat(), "kind": kind, "currency": "THB", "amount": "125.50"}
        return {**usual, **cells}

    def paid(self, attempt, **cells) -> dict[str, str]:
        """The line of an attempt's payment as it should be."""
        return self.line(reference=attempt.provider_reference or "", key=attempt.provider_key, **cells)

    def text(self, *lines: dict[str, str]) -> bytes:
        rows = [COLUMNS, *([line.get(name, "") for name in COLUMNS] for line in lines)]
        return "".join(",".join(row) + "\n" for row in rows).encode()

    def take(self, *lines: dict[str, str], now=None, progress=quiet, **changes) -> StatementFile:
        return self.read(self.text(*lines), now=now, progress=progress, **changes)

    def read(self, content: bytes, *, now=None, progress=quiet, **changes) -> StatementFile:
        values = {
            "file": io.BytesIO(content),
            "psp_id": 1,
            "merchant_id": 11,
            "name": "statement.csv",
            "profile": self.profile,
            "imported_by": "user:1",
            "livemode": False,
        }
        source = Source(**{**values, **changes})
        return import_statement(source=source, now=now or self.now, progress=progress)

    def files(self) -> list[StatementFile]:
        with atomic(SCOPE):
            return list(StatementFile.objects.order_by("pk"))

    def lines(self) -> list[StatementLine]:
        with atomic(SCOPE):
            return list(StatementLine.objects.order_by("created_at", "file_id", "number"))

    def outcomes(self) -> list[str]:
        return [line.outcome for line in self.lines()]

    def exceptions(self) -> list[ReconciliationException]:
        with atomic(SCOPE):
            return list(ReconciliationException.objects.order_by("pk"))

    def history(self, exception) -> list[tuple[str | None, str, str]]:
        with atomic(SCOPE):
            found = ExceptionEvent.objects.filter(exception_id=exception.pk).order_by("sequence")
            return [(each.from_status, each.to_status, each.actor) for each in found]

    def late(self) -> list[LatePayment]:
        with atomic(SCOPE):
            return list(LatePayment.objects.order_by("pk"))

    def disputes(self) -> list[Dispute]:
        with atomic(SCOPE):
            return list(Dispute.objects.order_by("pk"))


@pytest.fixture
def statements(now) -> Statements:
    return Statements(now)


@pytest.fixture
def provider(refunding):
    return refunding


@pytest.fixture
def paid(gateway):
    """A paid intent."""
    intent = gateway.shown()
    gateway.pay(intent)
    gateway.probe(intent)
    return intent
