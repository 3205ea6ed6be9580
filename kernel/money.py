"""Money: a whole number of a currency's smallest unit, and nothing else.

There is no float, no default currency and no rounding that the caller did not name. Amounts of two currencies do
not mix: adding or ordering them is an error. Everything that divides (`allocate`, `percentage`) says where the
remainder goes. Amounts fit PostgreSQL's BIGINT.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Self

import msgspec

from kernel.currencies import CURRENCIES
from kernel.errors import Invalid

__all__ = [
    "CURRENCIES",
    "MAX_MINOR",
    "AmountMalformed",
    "AmountNotExact",
    "AmountOutOfRange",
    "CurrencyMismatch",
    "CurrencyUnknown",
    "Money",
    "Rounding",
    "divide",
    "exponent",
]

MAX_MINOR = 2**63 - 1
BASIS = 10_000
_PLAIN = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_MAX_SHIFT = 20  # ten to this power is already beyond BIGINT
_MAX_DIGITS = 80  # what a text may have; nobody means more


class CurrencyUnknown(Invalid):
    """The currency is not an ISO 4217 code with a smallest unit."""

    code = "currency_unknown"


class CurrencyMismatch(Invalid):
    """Amounts of different currencies cannot be combined."""

    code = "currency_mismatch"


class AmountNotExact(Invalid):
    """The amount has a finer fraction than its currency."""

    code = "amount_not_exact"


class AmountOutOfRange(Invalid):
    """The amount is too large."""

    code = "amount_out_of_range"


class AmountMalformed(Invalid):
    """The amount is not a plain decimal number."""

    code = "amount_malformed"


class Rounding(StrEnum):
    """What happens to a fraction of the smallest unit; every mode treats -x as the mirror of x."""

    HALF_UP = "half_up"  # half goes away from zero
    HALF_EVEN = "half_even"  # half goes to the even neighbor
    DOWN = "down"  # towards zero
    UP = "up"  # away from zero


class Money(msgspec.Struct, frozen=True, gc=False):
    """An amount in minor units of a currency: `Money(12550, "THB")` is 125.50 baht."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:
            msg = "amount_minor must be an int"
            raise TypeError(msg)
        if self.currency not in CURRENCIES:
            raise CurrencyUnknown
        if not -MAX_MINOR <= self.amount_minor <= MAX_MINOR:
            raise AmountOutOfRange

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(0, currency)

    @classmethod
    def from_decimal(cls, value: Decimal | str, currency: str) -> Self:
        """From major units, exactly. Raises AmountMalformed, AmountNotExact, AmountOutOfRange, CurrencyUnknown."""
        sign, digits, scale = _decimal(value).as_tuple()
        if not isinstance(scale, int):  # NaN and infinities
            raise AmountMalformed
        if len(digits) > _MAX_DIGITS:
            raise AmountOutOfRange
        shift = scale + exponent(currency)
        unsigned = int("".join(map(str, digits)))
        if shift > _MAX_SHIFT and unsigned:
            raise AmountOutOfRange
        if shift >= 0:
            unsigned *= 10 ** min(shift, _MAX_SHIFT)
        else:
            unsigned, lost = divmod(unsigned, 10 ** min(-shift, len(digits) + 1))
            if lost:
                raise AmountNotExact
        return cls(-unsigned if sign else unsigned, currency)

    def to_decimal(self) -> Decimal:
        """Major units with all of the currency's digits: 125.50."""
        return Decimal(self._digits())

    def format(self) -> str:
        """For people: `1,234.50 THB`."""
        whole, dot, fraction = self._digits().lstrip("-").partition(".")
        sign = "-" if self.amount_minor < 0 else ""
        return f"{sign}{int(whole):,}{dot}{fraction} {self.currency}"

    def allocate(self, weights: Sequence[int]) -> list[Self]:
        """Shares in proportion to `weights` that sum to exactly this amount.

        Every share is rounded towards zero; the units left over go to the largest remainders, the earlier share
        first. Raises ValueError unless weights are non-negative integers with a positive sum.
        """
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            msg = "weights must be non-negative with a positive sum"
            raise ValueError(msg)
        size = abs(self.amount_minor)
        shares, remainders = map(
            list, zip(*(divmod(size * weight, total) for weight in weights), strict=True)
        )
        by_remainder = sorted(range(len(weights)), key=remainders.__getitem__, reverse=True)
        for index in by_remainder[: size - sum(shares)]:
            shares[index] += 1
        sign = -1 if self.amount_minor < 0 else 1
        return [type(self)(sign * share, self.currency) for share in shares]

    def percentage(self, basis_points: int, *, rounding: Rounding) -> Self:
        """This many hundredths of a percent of the amount: 700 is 7 %."""
        product = self.amount_minor * basis_points
        size = divide(abs(product), BASIS, rounding=rounding)
        return type(self)(size if product >= 0 else -size, self.currency)

    def __add__(self, other: Self) -> Self:
        return type(self)(self.amount_minor + self._same(other), self.currency)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.amount_minor - self._same(other), self.currency)

    def __mul__(self, quantity: int) -> Self:
        return type(self)(self.amount_minor * quantity, self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.amount_minor, self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.amount_minor < self._same(other)

    def __le__(self, other: Self) -> bool:
        return self.amount_minor <= self._same(other)

    def __gt__(self, other: Self) -> bool:
        return self.amount_minor > self._same(other)

    def __ge__(self, other: Self) -> bool:
        return self.amount_minor >= self._same(other)

    def __str__(self) -> str:
        return self.format()

    def _same(self, other: object) -> int:
        if not isinstance(other, Money):
            msg = "money combines with money only"
            raise TypeError(msg)
        if other.currency != self.currency:
            raise CurrencyMismatch
        return other.amount_minor

    def _digits(self) -> str:
        places = CURRENCIES[self.currency]
        sign = "-" if self.amount_minor < 0 else ""
        if places == 0:
            return f"{sign}{abs(self.amount_minor)}"
        whole, fraction = divmod(abs(self.amount_minor), 10**places)
        return f"{sign}{whole}.{fraction:0{places}d}"


def exponent(currency: str) -> int:
    """Digits after the decimal sign: THB 2, JPY 0, KWD 3. Raises CurrencyUnknown."""
    try:
        return CURRENCIES[currency]
    except KeyError:
        raise CurrencyUnknown from None


def divide(numerator: int, denominator: int, *, rounding: Rounding) -> int:
    """`numerator / denominator` as a whole number, for a numerator >= 0 and a denominator > 0."""
    quotient, remainder = divmod(numerator, denominator)
    match rounding:
        case Rounding.DOWN:
            up = False
        case Rounding.UP:
            up = remainder > 0
        case Rounding.HALF_UP:
            up = 2 * remainder >= denominator
        case Rounding.HALF_EVEN:
            up = 2 * remainder + (quotient & 1) > denominator
    return quotient + up


def _decimal(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str):
        msg = "a Decimal or a str is needed, never a float"
        raise TypeError(msg)
    if _PLAIN.fullmatch(value) is None:
        raise AmountMalformed
    return Decimal(value)
