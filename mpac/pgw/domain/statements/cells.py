"""From the text of a cell to what it means: exactly, or a fault that says why not."""

import datetime as dt
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kernel.money import MAX_MINOR, CurrencyUnknown, exponent
from mpac.pgw.domain.statements.lines import CellFault

# `decimal` has a point, `minor` counts the currency's smallest unit, `hundredths` counts hundredths of any currency.
Amounts = Literal["decimal", "minor", "hundredths"]
# How an amount says that it is negative: `-1.00`, `(1.00)` as accountants write it, or `1.00-` as older systems do.
Negatives = Literal["minus", "parentheses", "trailing"]

MAX_REFERENCE: Final = 255
BUDDHIST_YEARS: Final = 543
SHOWN: Final = 40
GROUP: Final = 3
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/#|+*=@-]*")
_BUDDHIST = re.compile(r"\b2[4-7][0-9]{2}\b")
_HUNDREDTHS: Final = 2
# What reports call their zones and the time zone database does not.
_OFFSETS: Final = {
    "CEST": 2,
    "BST": 1,
    "EDT": -4,
    "CDT": -5,
    "MDT": -6,
    "PDT": -7,
    "CST": -6,
    "PST": -8,
    "JST": 9,
    "SGT": 8,
}


def reference(text: str) -> str:
    """An identifier, or nothing. Raises CellFault, also for a formula, which never is one."""
    text = text.strip()
    if not text:
        return ""
    if len(text) > MAX_REFERENCE:
        raise CellFault("reference_too_long", f"the reference is longer than {MAX_REFERENCE} characters")
    if text[0] in "=+@-":
        raise CellFault("formula", f"a formula is where a reference should be: {shown(text)}")
    if not _REFERENCE.fullmatch(text):
        raise CellFault("reference", f"this is not a reference: {shown(text)}")
    return text


def currency(text: str) -> str:
    """An ISO 4217 code. Raises CellFault."""
    code = text.strip().upper()
    try:
        exponent(code)
    except CurrencyUnknown:
        raise CellFault("currency", f"this is not a currency: {shown(text)}") from None
    return code


def amount(
    text: str,
    currency: str,
    *,
    style: Amounts,
    point: str = ".",
    thousands: str = "",
    negatives: Negatives = "minus",
) -> int:
    """Minor units of `currency`; an empty cell is none. Raises CellFault for anything that is not exactly an amount."""
    plain = text.strip()
    if not plain:
        return 0
    plain, negative = _unsigned(plain, negatives)
    whole, dot, fraction = plain.partition(point)
    if thousands and thousands in whole:
        whole = _ungrouped(whole, thousands)
    digits = exponent(currency)
    if not (whole.isascii() and whole.isdigit()) or (dot and not (fraction.isascii() and fraction.isdigit())):
        raise CellFault("amount", f"this is not an amount: {shown(text)}")
    if dot and style != "decimal":
        raise CellFault("amount", f"there is a point in an amount that has none: {shown(text)}")
    if style == "hundredths":
        whole = whole.rjust(_HUNDREDTHS + 1, "0")
        whole, fraction = whole[:-_HUNDREDTHS], whole[-_HUNDREDTHS:]
    if style == "minor":
        units = _units(whole)
    elif fraction[digits:].strip("0"):
        raise CellFault("amount_not_exact", f"{currency} has no such fraction: {shown(text)}")
    else:
        units = _units(whole + fraction[:digits].ljust(digits, "0"))
    return -units if negative else units


def _unsigned(text: str, negatives: Negatives) -> tuple[str, bool]:
    """The amount without its sign, and whether it is negative."""
    match negatives:
        case "parentheses" if text[0] == "(" and text[-1] == ")":
            return text[1:-1].strip(), True
        case "trailing" if text[-1] == "-":
            return text[:-1].rstrip(), True
    return (text[1:], True) if text[0] == "-" else (text, False)


def _ungrouped(whole: str, thousands: str) -> str:
    """The digits before the point, which stood in threes: what `1,5` means nobody knows. Raises CellFault."""
    first, *others = whole.split(thousands)
    if not 0 < len(first) <= GROUP or any(len(each) != GROUP for each in others):
        raise CellFault("amount", f"the thousands of this amount are not: {shown(whole)}")
    return first + "".join(others)


def _units(digits: str) -> int:
    units = int(digits) if len(digits) <= SHOWN else MAX_MINOR + 1
    if units > MAX_MINOR:
        raise CellFault("amount_too_large", "the amount is too large")
    return units


def instant(text: str, *, formats: Sequence[str], zone: dt.tzinfo, buddhist: bool = False) -> dt.datetime:
    """An instant in UTC; `zone` is that of a text which does not name its own. Raises CellFault."""
    plain = text.strip()
    if buddhist:
        # In the text, because that calendar's leap years are not those of its numbers.
        plain = _BUDDHIST.sub(lambda year: str(int(year[0]) - BUDDHIST_YEARS), plain, count=1)
    try:
        found = _parsed(plain, formats)
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone)
        return found.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise CellFault("instant", f"this is not an instant: {shown(text)}") from None


def _parsed(text: str, formats: Sequence[str]) -> dt.datetime:
    """`iso` is what most reports write, and read ten times as fast. Raises ValueError."""
    for form in formats[:-1]:
        try:
            return _by(form, text)
        except ValueError:
            continue
    return _by(formats[-1], text)


def _by(form: str, text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text) if form == "iso" else dt.datetime.strptime(text, form)  # noqa: DTZ007


@lru_cache(maxsize=64)
def zone(text: str) -> dt.tzinfo:
    """A time zone by its name or by what reports call it. Raises CellFault."""
    name = text.strip()
    if name in _OFFSETS:
        return dt.timezone(dt.timedelta(hours=_OFFSETS[name]))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CellFault("time_zone", f"this is not a time zone: {shown(text)}") from None


def shown(text: str) -> str:
    """A cell's text as a fault may repeat it: short, and without what a terminal or a spreadsheet would act on."""
    printable = "".join(each if each.isprintable() else "?" for each in text[:SHOWN])
    return f"“{printable}{'…' if len(text) > SHOWN else ''}”"
