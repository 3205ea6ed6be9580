"""What a line of a statement says, and what is wrong with one that cannot be read."""

import datetime as dt
from enum import StrEnum

import msgspec


class LineKind(StrEnum):
    """What a line is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    REFUND_REVERSAL = "refund_reversal"  # a refund came back
    CHARGEBACK = "chargeback"
    CHARGEBACK_REVERSAL = "chargeback_reversal"  # the dispute was won, so far
    SECOND_CHARGEBACK = "second_chargeback"  # and now it is lost
    FEE = "fee"
    PAYOUT = "payout"
    ADJUSTMENT = "adjustment"
    OTHER = "other"  # money that moved for a reason which nobody has explained to us
    IGNORED = "ignored"  # no money moved


# Lines about a payment or what became of one; the others are kept and added up, and have no counterpart here.
COMPARED: frozenset[LineKind] = frozenset(
    {
        LineKind.PAYMENT,
        LineKind.REFUND,
        LineKind.REFUND_REVERSAL,
        LineKind.CHARGEBACK,
        LineKind.CHARGEBACK_REVERSAL,
        LineKind.SECOND_CHARGEBACK,
    }
)
# Which way money goes: 1 to the merchant, -1 from them. The others go either way.
DIRECTION: dict[LineKind, int] = {
    LineKind.PAYMENT: 1,
    LineKind.REFUND: -1,
    LineKind.REFUND_REVERSAL: 1,
    LineKind.CHARGEBACK: -1,
    LineKind.CHARGEBACK_REVERSAL: 1,
    LineKind.SECOND_CHARGEBACK: -1,
}


class StatementLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line. Amounts are signed as the merchant sees them; `fee_minor` is what the provider keeps.

    `reference` is the provider's name of this movement of money, `payment_reference` that of the payment it belongs to,
    `our_reference` the key that we gave to the charge, `operation_reference` the one that we gave to the refund.
    """

    number: int
    kind: LineKind
    said: str
    amount_minor: int
    currency: str
    occurred_at: dt.datetime
    reference: str = ""
    payment_reference: str = ""
    our_reference: str = ""
    operation_reference: str = ""
    settled_currency: str = ""  # of fee and net
    fee_minor: int | None = None
    expected_fee_minor: int | None = None
    net_minor: int | None = None
    batch: str = ""


class Fault(msgspec.Struct, frozen=True):
    """Why a line cannot be read."""

    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message} ({self.code})"


class CellFault(ValueError):
    """A cell that cannot be read; whoever knows the line makes a fault of it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    def at(self, line: int) -> Fault:
        return Fault(line, self.code, self.message)


class FileFault(ValueError):
    """The file cannot be read any further."""

    def __init__(self, line: int, code: str, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(line, code, message)
