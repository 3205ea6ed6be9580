"""PayPal's settlement report, `STL-yyyymmdd.<seq>.<version>.CSV`.

Every row begins with its type: report, file and section headers, column names, bodies, footers. Amounts are unsigned
hundredths of any currency, yen too, with CR or DR beside them. The counts and the sums in the footers must be those of
the rows, and the last row must be there: a file that was cut off or changed is refused.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Final

from mpac.pgw.domain.statements import cells
from mpac.pgw.domain.statements.lines import (
    COMPARED,
    DIRECTION,
    CellFault,
    Fault,
    FileFault,
    LineKind,
    StatementLine,
)
from mpac.pgw.domain.statements.reading import read_rows

Cells = list[str]
INSTANTS: Final = ("%Y/%m/%d %H:%M:%S %z",)
_KINDS: Final = {
    "T1107": LineKind.REFUND,
    "T1106": LineKind.REFUND,  # PayPal gave it back
    "T1201": LineKind.CHARGEBACK,
    "T1202": LineKind.CHARGEBACK_REVERSAL,
    "T1108": LineKind.FEE,  # reversed
    "T1109": LineKind.FEE,  # refunded
    "T1110": LineKind.ADJUSTMENT,  # held while a dispute is looked into
    "T1111": LineKind.ADJUSTMENT,  # and released
}
# The hundred that a code belongs to; those of conversions, funding, holds and reserves move no money of payments.
_GROUPS: Final = {
    "T00": LineKind.PAYMENT,
    "T01": LineKind.FEE,
    "T04": LineKind.PAYOUT,
    **dict.fromkeys(("T02", "T03", "T13", "T15", "T21"), LineKind.ADJUSTMENT),
}
_COLUMNS: Final = (
    "Transaction ID",
    "Invoice ID",
    "PayPal Reference ID",
    "Transaction Event Code",
    "Transaction Initiation Date",
    "Transaction Debit or Credit",
    "Gross Transaction Amount",
    "Gross Transaction Currency",
    "Fee Debit or Credit",
    "Fee Amount",
    "Fee Currency",
    "Custom Field",
)
_FRAMES: Final = frozenset({"RH", "FH", "SH", "CH", "SF", "SC", "RF", "RC", "FF"})
_SIGNS: Final = {"CR": 1, "DR": -1}


class PayPalProfile:
    """The settlement report of one day."""

    name, provider, evidence = "paypal", "paypal", True
    fingerprint = name
    lag = dt.timedelta(hours=48)

    def adjusted(self, **changes: str) -> "PayPalProfile":
        """Its encoding and its time zones are in the report. Raises ValueError for others."""
        if changes:
            raise ValueError("the report says its encoding and its time zones itself")
        return self

    def read(self, file: BinaryIO) -> Iterator[StatementLine | Fault]:
        """The lines of all sections. Raises FileFault."""
        report = _Report()
        for number, row in read_rows(file, encoding="utf-8"):
            if row[0] == "SB":
                try:
                    yield report.body(number, row)
                except CellFault as fault:
                    report.is_faulty = True
                    yield fault.at(number)
            else:
                report.frame(number, row)
        report.finish()


class _Report:
    """Where in the report we are, and how many bodies were seen."""

    def __init__(self) -> None:
        self._columns: dict[str, int] = {}
        self._in_section = self._in_report = 0
        self._sums: Counter[tuple[str, str]] = Counter()
        self._is_open = self._is_over = self.is_faulty = False
        self._number = 0

    def frame(self, number: int, row: Cells) -> None:
        """Any row but a body. Raises FileFault."""
        self._number, kind = number, row[0]
        if self._is_over or (not self._is_open and kind != "RH"):
            raise FileFault(number, "not_a_report", "this is not where a settlement report begins or ends")
        if kind not in _FRAMES:
            raise FileFault(number, "row_type", f"there is no row of the type {cells.shown(kind)}")
        self._is_open, self._is_over = True, kind == "FF"
        match kind:
            case "SH":
                self._in_section = 0
                self._sums.clear()
            case "CH":
                self._name(number, row)
            case "SF":
                self._sum(number, row)
            case "SC":
                self._count(number, row, self._in_section)
            case "RC":
                self._count(number, row, self._in_report)

    def finish(self) -> None:
        """Raises FileFault when the report has no end."""
        if not self._is_over:
            raise FileFault(self._number or 1, "cut_off", "the report has no end; it was cut off")

    def body(self, number: int, row: Cells) -> StatementLine:
        """What a body says. Raises CellFault and FileFault."""
        if not self._columns or self._is_over:
            raise FileFault(number, "not_a_report", "there is a row before the names of its columns")
        self._number = number
        self._in_section += 1
        self._in_report += 1
        if len(row) <= max(self._columns.values()):
            raise CellFault("columns", f"there are only {len(row)} cells")
        code = self._cell(row, "Transaction Event Code")
        currency = cells.currency(self._cell(row, "Gross Transaction Currency"))
        amount = self._signed(row, "Transaction Debit or Credit", "Gross Transaction Amount", currency)
        kind = _kind_of(code, amount)
        if amount * DIRECTION.get(kind, 0) < 0:
            raise CellFault("direction", f"the money of a {kind.replace('_', ' ')} goes the other way")
        settled = cells.currency(self._cell(row, "Fee Currency") or currency)
        fee = -self._signed(row, "Fee Debit or Credit", "Fee Amount", settled)
        reference = cells.reference(self._cell(row, "Transaction ID"))
        if not reference and kind in COMPARED:
            raise CellFault("reference_missing", "there is no reference")
        return StatementLine(
            number=number,
            kind=kind,
            said=code[: cells.SHOWN],
            amount_minor=amount,
            currency=currency,
            occurred_at=cells.instant(
                self._cell(row, "Transaction Initiation Date"), formats=INSTANTS, zone=dt.UTC
            ),
            reference=reference,
            # That of a payment itself is its order, its subscription or nothing.
            payment_reference=""
            if kind is LineKind.PAYMENT
            else cells.reference(self._cell(row, "PayPal Reference ID")),
            our_reference=cells.reference(self._cell(row, "Custom Field") or self._cell(row, "Invoice ID")),
            operation_reference=cells.reference(self._cell(row, "Invoice ID")),
            settled_currency=settled,
            fee_minor=fee,
            net_minor=amount - fee if settled == currency else None,
        )

    def _name(self, number: int, row: Cells) -> None:
        names = [" ".join(name.split()) for name in row]
        missing = [name for name in _COLUMNS if name not in names]
        if missing:
            raise FileFault(number, "column_missing", f"there is no column {missing[0]} in the header")
        self._columns = {name: names.index(name) for name in _COLUMNS}

    def _count(self, number: int, row: Cells, seen: int) -> None:
        if len(row) < len(("RC", "1")) or row[1].strip() != str(seen):
            raise FileFault(number, "count", f"the footer does not count the {seen} rows that there are")

    def _sum(self, number: int, row: Cells) -> None:
        """The footer of a section and a currency: what came, what went. Beside a faulty row it would prove nothing."""
        if self.is_faulty:
            return
        for direction, told in zip(_SIGNS, row[2:4], strict=False):
            if told.strip() != str(self._sums[row[1].strip(), direction]):
                raise FileFault(number, "sum", f"the footer does not add up to the {direction} of its rows")

    def _cell(self, row: Cells, name: str) -> str:
        return row[self._columns[name]].strip()

    def _signed(self, row: Cells, direction: str, amount: str, currency: str) -> int:
        units = cells.amount(self._cell(row, amount), currency, style="hundredths")
        sign = _SIGNS.get(self._cell(row, direction))
        if amount == "Gross Transaction Amount":
            self._sums[currency, self._cell(row, direction)] += int(self._cell(row, amount) or 0)
        if units < 0 or (units and sign is None):
            raise CellFault("direction", "this does not say which way the money goes")
        return units * (sign or 0)


def _kind_of(code: str, amount: int) -> LineKind:
    """What a transaction event code means; a payment that we made to somebody else is none of ours."""
    kind = _KINDS.get(code) or _GROUPS.get(code[:3], LineKind.OTHER)
    return LineKind.ADJUSTMENT if kind is LineKind.PAYMENT and amount < 0 else kind
