"""The declaration of a statement's layout: which column says what, and how it is written.

A file in TOML declares one for a bank, or extends one of our own with what a contract makes different:

    extends = "kbank"
    encoding = "cp874"
    date_formats = ["%d/%m/%Y %H:%M:%S"]
    [columns]
    reference = ["Transaction No."]
    [fee]
    rate_ppm = 8000
"""

import tomllib
from collections.abc import Mapping as Map
from typing import Annotated, Any, Final, Literal

import msgspec

from mpac.pgw.domain.statements.cells import Amounts, Negatives, zone
from mpac.pgw.domain.statements.fees import FeeRule
from mpac.pgw.domain.statements.lines import CellFault, LineKind
from mpac.pgw.domain.statements.reading import ENCODINGS

MAX_DECLARATION: Final = 64 * 1024
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
# How the sign of an amount is written: by itself, by its column, by a word beside it, or by what the line is about.
Sign = Literal["signed", "columns", "word", "kind"]


class MappingMalformed(ValueError):
    """The declaration cannot be used, and why."""


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which columns say what. Of several for a reference the first that is filled counts; dates and fees are put together."""

    reference: tuple[Word, ...] = ()
    payment_reference: tuple[Word, ...] = ()
    our_reference: tuple[Word, ...] = ()
    operation_reference: tuple[Word, ...] = ()
    occurred_at: tuple[Word, ...] = ()
    time_zone: Word | None = None
    kind: Word | None = None
    currency: Word | None = None
    amount: Word | None = None
    credit: Word | None = None
    debit: Word | None = None
    direction: Word | None = None
    fee: tuple[Word, ...] = ()
    net: Word | None = None
    net_credit: Word | None = None
    net_debit: Word | None = None
    settled_currency: Word | None = None
    batch: Word | None = None


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One layout.

    `kinds` maps the provider's words; a word that is not there is `other`, or a fault. Without a kind column the sign
    says `incoming` or `outgoing`. `our_suffixes` are what we put behind a charge's key when we gave it to the provider.
    `evidence` says that `reference` is the very one that the provider gives to its API's callers, so that a line may tell
    what became of an open payment; otherwise it only makes us ask.
    """

    name: Word
    provider: Word
    columns: Columns
    kinds: dict[str, LineKind] = {}
    other: LineKind | None = None
    incoming: LineKind = LineKind.PAYMENT
    outgoing: LineKind = LineKind.REFUND
    references: dict[LineKind, tuple[Word, ...]] = {}
    encoding: str = "utf-8"
    delimiter: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = ","
    skip_lines: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    footers: tuple[Word, ...] = ()
    date_formats: Annotated[tuple[Word, ...], msgspec.Meta(min_length=1)] = ("iso",)
    buddhist_years: bool = False
    time_zone: str = "UTC"
    amounts: Amounts = "decimal"
    point: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = "."
    thousands: Annotated[str, msgspec.Meta(max_length=1)] = ""
    sign: Sign = "signed"
    negatives: Negatives = "minus"
    our_suffixes: tuple[Word, ...] = ()
    credit_words: tuple[Word, ...] = ("CR", "C", "+")
    debit_words: tuple[Word, ...] = ("DR", "D", "-")
    currency: str | None = None
    fee_is_negative: bool = False
    evidence: bool = False
    lag_hours: Annotated[int, msgspec.Meta(ge=0, le=24 * 60)] = 72
    fee: FeeRule | None = None
    optional: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a declaration that could not be read by."""
        columns = self.columns
        checks = (
            (bool(columns.reference), "`columns.reference` says nothing"),
            (bool(columns.occurred_at), "`columns.occurred_at` says nothing"),
            (bool(columns.currency or self.currency), "no column and no word says the currency"),
            (self._has_amount(), f"the columns of the sign rule `{self.sign}` are not all there"),
            (self.sign != "kind" or bool(columns.kind), "the sign follows from a kind that no column says"),
            (
                self.encoding.lower() in ENCODINGS,
                f"the encoding is not one of {', '.join(sorted(ENCODINGS))}",
            ),
            (self.point != self.thousands, "the point and the thousands' separator are the same"),
            (_is_zone(self.time_zone), "the time zone is unknown"),
        )
        for holds, complaint in checks:
            if not holds:
                raise ValueError(complaint)

    def _has_amount(self) -> bool:
        columns = self.columns
        match self.sign:
            case "columns":
                return bool(columns.credit and columns.debit)
            case "word":
                return bool(columns.amount and columns.direction)
        return bool(columns.amount)


def declare(text: str, *, known: Map[str, Mapping]) -> Mapping:
    """The layout that a TOML text declares. Raises MappingMalformed."""
    try:
        if len(text) > MAX_DECLARATION:
            raise MappingMalformed(f"the declaration is longer than {MAX_DECLARATION} characters")
        declared = tomllib.loads(text)
        base = declared.pop("extends", None)
        if base is not None:
            if base not in known:
                raise MappingMalformed(f"there is no layout to extend called {base!r}")
            declared = _merged(msgspec.to_builtins(known[base]), declared)
        return msgspec.convert(declared, Mapping)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise MappingMalformed(str(error)) from None


def _merged(base: dict[str, Any], changes: Map[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _is_zone(name: str) -> bool:
    try:
        zone(name)
    except CellFault:
        return False
    return True
