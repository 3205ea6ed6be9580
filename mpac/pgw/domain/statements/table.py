"""Reading a file by its declared layout."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import BinaryIO

import msgspec

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
from mpac.pgw.domain.statements.mapping import Mapping
from mpac.pgw.domain.statements.reading import read_rows

Cells = list[str]
OneOf = Callable[[Cells], str]


class TableProfile:
    """A file with one header and one line a row."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.name, self.provider, self.evidence = mapping.name, mapping.provider, mapping.evidence
        self.lag = dt.timedelta(hours=mapping.lag_hours)
        self.fingerprint = sha256(msgspec.json.encode(mapping, order="sorted")).hexdigest()

    def adjusted(self, **changes: str) -> "TableProfile":
        """The same with another encoding or time zone. Raises ValueError."""
        return TableProfile(msgspec.structs.replace(self.mapping, **changes)) if changes else self

    def read(self, file: BinaryIO) -> Iterator[StatementLine | Fault]:
        """The lines, and faults where there should be one. Raises FileFault where nothing more can be read."""
        mapping = self.mapping
        rows = read_rows(
            file, encoding=mapping.encoding, delimiter=mapping.delimiter, skip_lines=mapping.skip_lines
        )
        first = next(rows, None)
        if first is None:
            raise FileFault(1, "no_header", "there is no header")
        table = _Table(mapping, *first)
        for number, row in rows:
            if row[0].strip().startswith(mapping.footers):
                continue
            try:
                yield table.line(number, row)
            except CellFault as fault:
                yield fault.at(number)


class _Table:
    """The columns of one file, found by their names."""

    def __init__(self, mapping: Mapping, number: int, header: Cells) -> None:
        self._mapping, self._number, self._header = mapping, number, header
        self._names = [name.strip() for name in header]
        self._width = len(self._names)
        columns = mapping.columns
        self._reference = self._first("reference", columns.reference)
        self._references = {
            kind: self._first("references", names) for kind, names in mapping.references.items()
        }
        self._payment = self._first("payment_reference", columns.payment_reference)
        self._ours = self._first("our_reference", columns.our_reference)
        self._operation = self._first("operation_reference", columns.operation_reference)
        self._instant = [self._index("occurred_at", name) for name in columns.occurred_at]
        self._fees = [index for name in columns.fee if (index := self._index("fee", name)) is not None]
        self._zone = self._index("time_zone", columns.time_zone)
        self._kind = self._index("kind", columns.kind)
        self._currency = self._index("currency", columns.currency)
        self._amount = self._index("amount", columns.amount)
        self._credit = self._index("credit", columns.credit)
        self._debit = self._index("debit", columns.debit)
        self._direction = self._index("direction", columns.direction)
        self._net = self._index("net", columns.net)
        self._net_credit = self._index("net_credit", columns.net_credit)
        self._net_debit = self._index("net_debit", columns.net_debit)
        self._settled = self._index("settled_currency", columns.settled_currency)
        self._batch = self._index("batch", columns.batch)

    def line(self, number: int, row: Cells) -> StatementLine:
        """What a row says. Raises CellFault."""
        mapping = self._mapping
        if row == self._header:
            raise CellFault("header_again", "the header is here again: were two files put together?")
        if len(row) < self._width or any(row[self._width :]):
            raise CellFault("columns", f"there are {len(row)} cells where the header has {self._width}")
        said = _cell(row, self._kind).strip()
        kind = self._kind_of(said)
        currency = cells.currency(mapping.currency or _cell(row, self._currency) or _cell(row, self._settled))
        amount = self._amount_of(row, currency)
        if kind is None:
            kind = mapping.incoming if amount >= 0 else mapping.outgoing
        if mapping.sign == "kind":
            amount = abs(amount) * DIRECTION.get(kind, 1)
        settled = cells.currency(_cell(row, self._settled) or currency)
        net = self._net_of(row, settled)
        fee = self._fee_of(row, settled)
        if not amount and net and kind not in COMPARED:
            amount, currency = net, settled
        _check_direction(kind, amount)
        reference = cells.reference(self._references.get(kind, self._reference)(row))
        if not reference and kind in COMPARED:
            raise CellFault("reference_missing", "there is no reference")
        return StatementLine(
            number=number,
            kind=kind,
            said=said[: cells.SHOWN],
            amount_minor=amount,
            currency=currency,
            occurred_at=self._occurred_at(row),
            reference=reference,
            payment_reference=cells.reference(self._payment(row)),
            our_reference=self._our_reference(row),
            operation_reference=cells.reference(self._operation(row)),
            settled_currency=settled,
            fee_minor=fee,
            expected_fee_minor=self._expected_fee(kind, amount, fee) if settled == currency else None,
            net_minor=net,
            batch=cells.reference(_cell(row, self._batch)),
        )

    def _our_reference(self, row: Cells) -> str:
        found = cells.reference(self._ours(row))
        for suffix in self._mapping.our_suffixes:
            found = found.removesuffix(suffix)
        return found

    def _kind_of(self, said: str) -> LineKind | None:
        """None where no column says it, and the sign does."""
        if self._kind is None:
            return None
        kind = self._mapping.kinds.get(said, self._mapping.other)
        if kind is None:
            raise CellFault("kind", f"nobody said what this kind of line is: {cells.shown(said)}")
        return kind

    def _amount_of(self, row: Cells, currency: str) -> int:
        mapping = self._mapping
        if mapping.sign == "columns":
            return self._money(row, self._credit, currency) - self._money(row, self._debit, currency)
        amount = self._money(row, self._amount, currency)
        if mapping.sign != "word":
            return amount
        word = _cell(row, self._direction).strip()
        if amount < 0 or word not in (*mapping.credit_words, *mapping.debit_words):
            raise CellFault("direction", f"this does not say which way the money goes: {cells.shown(word)}")
        return amount if word in mapping.credit_words else -amount

    def _net_of(self, row: Cells, currency: str) -> int | None:
        if self._net is not None:
            return self._money(row, self._net, currency) if row[self._net].strip() else None
        if self._net_credit is None or self._net_debit is None:
            return None
        if not row[self._net_credit].strip() and not row[self._net_debit].strip():
            return None
        return self._money(row, self._net_credit, currency) - self._money(row, self._net_debit, currency)

    def _fee_of(self, row: Cells, currency: str) -> int | None:
        if not any(row[index].strip() for index in self._fees):
            return None
        fee = sum(self._money(row, index, currency) for index in self._fees)
        return -fee if self._mapping.fee_is_negative else fee

    def _expected_fee(self, kind: LineKind, amount: int, fee: int | None) -> int | None:
        rule = self._mapping.fee
        if rule is None or kind is not LineKind.PAYMENT:
            return None
        return rule.expected(amount, told=fee)

    def _money(self, row: Cells, index: int | None, currency: str) -> int:
        mapping = self._mapping
        return cells.amount(
            _cell(row, index),
            currency,
            style=mapping.amounts,
            point=mapping.point,
            thousands=mapping.thousands,
            negatives=mapping.negatives,
        )

    def _occurred_at(self, row: Cells) -> dt.datetime:
        mapping = self._mapping
        return cells.instant(
            " ".join(_cell(row, index).strip() for index in self._instant),
            formats=mapping.date_formats,
            zone=cells.zone(_cell(row, self._zone).strip() or mapping.time_zone),
            buddhist=mapping.buddhist_years,
        )

    def _first(self, field: str, names: Sequence[str]) -> OneOf:
        """The first filled cell of these columns, of which one at least must be there."""
        found = [self._place(name) for name in names if name in self._names]
        if names and not found and field not in self._mapping.optional:
            raise self._missing(" or ".join(names))
        if len(found) == 1:
            only = found[0]
            return lambda row: row[only]
        return lambda row: next((row[index] for index in found if row[index].strip()), "")

    def _index(self, field: str, name: str | None) -> int | None:
        if name is None or (name not in self._names and field in self._mapping.optional):
            return None
        if name not in self._names:
            raise self._missing(name)
        return self._place(name)

    def _place(self, name: str) -> int:
        if self._names.count(name) > 1:
            raise FileFault(self._number, "column_twice", f"there are two columns {name} in the header")
        return self._names.index(name)

    def _missing(self, what: str) -> FileFault:
        return FileFault(self._number, "column_missing", f"there is no column {what} in the header")


def _cell(row: Cells, index: int | None) -> str:
    return "" if index is None else row[index]


def _check_direction(kind: LineKind, amount: int) -> None:
    """Money of a payment comes, money of a refund goes: what says otherwise was read in a wrong way."""
    if amount * DIRECTION.get(kind, 0) < 0:
        raise CellFault("direction", f"the money of a {kind.replace('_', ' ')} goes the other way")
