"""The arithmetic of an order: lines, modifiers, discounts, service charge, tip and the tax inside the prices.

Integers of minor units only; shares are rounded half up, once. Prices include tax. Tax is taken out of the
document's total per rate, never per line (Thai Revenue Code section 86; Japanese Consumption Tax Act article
57-4: once per rate and document). Which rate a tax code has on a day is not known here: the caller says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernel.money import BASIS, Money, Rounding, divide

PPM = 1_000_000
MAX_TOTAL_MINOR = 10**15


class TotalsError(ValueError):
    """The order cannot be computed; `field` and `code` say where and why."""

    def __init__(self, message: str, *, field: str, code: str) -> None:
        """Keep the place and the stable code beside the message."""
        super().__init__(message)
        self.field = field
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Portion:
    """A part of an amount: a fixed sum in minor units, or a share in basis points. One of the two."""

    amount_minor: int | None = None
    basis_points: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse a portion that says both or neither."""
        if (self.amount_minor is None) == (self.basis_points is None):
            raise ValueError("a portion is an amount or a share")

    def of(self, base_minor: int) -> int:
        """Return this portion of `base_minor`, a share rounded half up."""
        if self.amount_minor is not None:
            return self.amount_minor
        return divide(base_minor * (self.basis_points or 0), BASIS, rounding=Rounding.HALF_UP)


@dataclass(frozen=True, kw_only=True)
class Modifier:
    """An extra on one unit of a line, charged per unit."""

    name: str
    price_minor: int = 0
    quantity: int = 1


@dataclass(frozen=True, kw_only=True)
class Line:
    """What was ordered, as the terminal said it."""

    name: str
    unit_price_minor: int
    quantity: int = 1
    sku: str = ""
    product_id: str = ""
    tax_code: str | None = None
    modifiers: Sequence[Modifier] = ()
    discount: Portion | None = None


@dataclass(frozen=True, kw_only=True)
class LineTotal:
    """One line computed, in minor units; `total_minor` = `gross_minor` - `discount_minor`."""

    modifiers_minor: int
    gross_minor: int
    discount_minor: int
    total_minor: int


@dataclass(frozen=True, kw_only=True)
class TaxTotal:
    """The tax inside `gross_minor`, everything on the document that bears the same rate."""

    rate_ppm: int
    tax_codes: tuple[str, ...]
    gross_minor: int
    tax_minor: int


@dataclass(frozen=True, kw_only=True)
class Totals:
    """An order computed, in minor units: total = subtotal - discount + service charge + tip, tax inside."""

    lines: tuple[LineTotal, ...]
    subtotal_minor: int
    discount_minor: int
    service_charge_minor: int
    tip_minor: int
    tax_minor: int
    total_minor: int
    taxes: tuple[TaxTotal, ...]


def tax_inside(gross_minor: int, rate_ppm: int) -> int:
    """Return the tax that a tax-inclusive amount holds, rounded half up (rate in parts per million)."""
    return divide(gross_minor * rate_ppm, PPM + rate_ppm, rounding=Rounding.HALF_UP)


def compute_totals(
    *,
    currency: str,
    lines: Sequence[Line],
    discounts: Sequence[Portion] = (),
    service_charge: Portion | None = None,
    service_charge_tax_code: str | None = None,
    tip_minor: int = 0,
    rates_ppm: Mapping[str, int],
) -> Totals:
    """Compute an order.

    A line's discount is taken of the line; each of the order's discounts of what the lines then come to; the
    service charge of what is left. The order's discounts lower every line in proportion, so that tax is right
    per rate. Tips bear no tax.

    Raises:
        TotalsError: a discount larger than what it is taken from, an unknown tax code, a total out of range.

    """
    computed = tuple(_line_total(line, index) for index, line in enumerate(lines))
    after_lines = sum(line.total_minor for line in computed)
    subtotal = sum(line.gross_minor for line in computed)
    order_discount = sum(discount.of(after_lines) for discount in discounts)
    charged = service_charge.of(max(after_lines - order_discount, 0)) if service_charge else 0
    if max(subtotal, after_lines + charged + tip_minor) > MAX_TOTAL_MINOR:
        raise TotalsError("The order is too large.", field="items", code="amount_too_large")
    if order_discount > after_lines:
        raise TotalsError("The discounts exceed the order.", field="discounts", code="discount_too_large")
    shares = _shares(Money(order_discount, currency), [line.total_minor for line in computed])
    taxable = [
        (line.tax_code, computed[i].total_minor - shares[i], f"items[{i}].tax_code")
        for i, line in enumerate(lines)
    ]
    taxable.append((service_charge_tax_code, charged, "service_charge.tax_code"))
    taxes = _taxes(taxable, rates_ppm)
    return Totals(
        lines=computed,
        subtotal_minor=subtotal,
        discount_minor=subtotal - after_lines + order_discount,
        service_charge_minor=charged,
        tip_minor=tip_minor,
        tax_minor=sum(tax.tax_minor for tax in taxes),
        total_minor=after_lines - order_discount + charged + tip_minor,
        taxes=taxes,
    )


def _shares(discount: Money, weights: Sequence[int]) -> list[int]:
    if not discount.amount_minor:
        return [0] * len(weights)
    return [share.amount_minor for share in discount.allocate(weights)]


def _line_total(line: Line, index: int) -> LineTotal:
    modifiers = sum(modifier.price_minor * modifier.quantity for modifier in line.modifiers)
    gross = line.quantity * (line.unit_price_minor + modifiers)
    discount = line.discount.of(gross) if line.discount else 0
    if discount > gross:
        raise TotalsError(
            "The discount exceeds the line.", field=f"items[{index}].discount", code="discount_too_large"
        )
    return LineTotal(
        modifiers_minor=modifiers, gross_minor=gross, discount_minor=discount, total_minor=gross - discount
    )


def _taxes(
    taxable: Sequence[tuple[str | None, int, str]], rates_ppm: Mapping[str, int]
) -> tuple[TaxTotal, ...]:
    gross: dict[int, int] = {}
    codes: dict[int, set[str]] = {}
    for code, amount, field in taxable:
        if code is None:
            continue
        if code not in rates_ppm:
            raise TotalsError(
                f"No rate is configured for tax code {code!r}.", field=field, code="tax_code_unknown"
            )
        rate = rates_ppm[code]
        gross[rate] = gross.get(rate, 0) + amount
        codes.setdefault(rate, set()).add(code)
    return tuple(
        TaxTotal(
            rate_ppm=rate,
            tax_codes=tuple(sorted(codes[rate])),
            gross_minor=gross[rate],
            tax_minor=tax_inside(gross[rate], rate),
        )
        for rate in sorted(gross)
    )
