"""An order as the terminal says it, before anything is computed. It survives as the source of every recount."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from mpac.smarttab.domain.states import Channel
from mpac.smarttab.domain.totals import Line, Portion, Totals, compute_totals


@dataclass(frozen=True, kw_only=True)
class OrderDraft:
    """What was ordered and on which terms."""

    currency: str
    channel: Channel
    lines: tuple[Line, ...]
    table_name: str = ""
    customer_id: uuid.UUID | None = None
    client_reference: str = ""
    discounts: tuple[Portion, ...] = ()
    service_charge: Portion | None = None
    service_charge_tax_code: str | None = None
    tip_minor: int = 0

    @property
    def tax_codes(self) -> frozenset[str]:
        """The tax codes whose rates the totals need."""
        codes = {line.tax_code for line in self.lines} | {self.service_charge_tax_code}
        return frozenset(code for code in codes if code is not None)

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that somebody typed."""
        portions = [*self.discounts, self.service_charge, *(line.discount for line in self.lines)]
        return (
            self.table_name,
            self.client_reference,
            *(portion.name for portion in portions if portion is not None),
            *(text for line in self.lines for text in (line.name, line.sku, line.product_id)),
            *(modifier.name for line in self.lines for modifier in line.modifiers),
        )

    def totals(self, *, rates_ppm: Mapping[str, int]) -> Totals:
        """Compute the order with the rates of its day. Raises TotalsError."""
        return compute_totals(
            currency=self.currency,
            lines=self.lines,
            discounts=self.discounts,
            service_charge=self.service_charge,
            service_charge_tax_code=self.service_charge_tax_code,
            tip_minor=self.tip_minor,
            rates_ppm=rates_ppm,
        )
