"""How many of a provider's units an amount is, and back: exactly, or not at all.

Most providers count in ISO 4217's smallest unit. Some count a few currencies otherwise, and some take only amounts that
are a multiple of a step; both are here, per provider, with where it is written. Nothing is rounded: an amount that a
provider cannot express is refused before it is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from kernel.money import AmountMalformed, AmountNotExact, Money, exponent


@dataclass(frozen=True, slots=True)
class Units:
    """How a provider counts one currency: the digits after the point, and the step between amounts it takes."""

    digits: int
    step: int = 1


# docs.stripe.com/currencies: "zero-decimal currencies", "special cases", "three-decimal currencies".
_STRIPE = {
    "ISK": Units(2, step=100),  # has no fraction, is sent as if it had two digits
    "UGX": Units(2, step=100),
    "MGA": Units(0),  # ISO counts two digits
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), Units(3, step=10)),
}
# docs.adyen.com/development-resources/currency-codes: where its digits are not ISO's.
_ADYEN = {
    "CLP": Units(2, step=100),  # has no fraction, is sent as if it had two digits
    "ISK": Units(2, step=100),
    "CVE": Units(0),  # ISO counts two digits
    "IDR": Units(0),
}
# developer.paypal.com/api/rest/reference/currency-codes: "does not support decimals".
_PAYPAL = {"HUF": Units(0), "TWD": Units(0)}
OVERRIDES: Final[Mapping[str, Mapping[str, Units]]] = MappingProxyType(
    {
        "adyen": MappingProxyType(_ADYEN),
        "paypal": MappingProxyType(_PAYPAL),
        "stripe": MappingProxyType(_STRIPE),
    }
)


def units_of(currency: str, *, provider: str) -> Units:
    """How `provider` counts `currency`. Raises CurrencyUnknown."""
    override = OVERRIDES.get(provider, {}).get(currency)
    return override or Units(exponent(currency))


def to_units(amount: Money, *, provider: str) -> int:
    """The amount in the provider's units. Raises AmountNotExact where the provider cannot express it."""
    counted = units_of(amount.currency, provider=provider)
    shift = counted.digits - exponent(amount.currency)
    units = _scaled(amount.amount_minor, shift)
    if units % counted.step:
        raise AmountNotExact
    return units


def to_text(amount: Money, *, provider: str) -> str:
    """The amount in major units with all of the provider's digits, `125.50`. Raises AmountNotExact."""
    units, digits = to_units(amount, provider=provider), units_of(amount.currency, provider=provider).digits
    return str(Decimal(units).scaleb(-digits).quantize(Decimal(1).scaleb(-digits)))


def from_units(units: int, currency: str, *, provider: str) -> Money:
    """An amount that the provider tells in its units. Raises CurrencyUnknown, AmountMalformed and AmountNotExact."""
    if type(units) is not int:
        raise AmountMalformed
    shift = exponent(currency) - units_of(currency, provider=provider).digits
    return Money(_scaled(units, shift), currency)


def from_text(text: str, currency: str, *, provider: str) -> Money:
    """An amount that the provider tells in major units. Raises as `from_units` does."""
    amount = Money.from_decimal(text, currency)
    _scaled(amount.amount_minor, units_of(currency, provider=provider).digits - exponent(currency))
    return amount


def _scaled(number: int, shift: int) -> int:
    """`number` with its point moved to the right, or to the left. Raises AmountNotExact where something is lost."""
    if shift >= 0:
        return number * int(10**shift)
    whole, lost = divmod(number, int(10**-shift))
    if lost:
        raise AmountNotExact
    return whole
