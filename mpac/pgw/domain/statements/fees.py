"""What a provider should keep of a payment, where the contract says it per payment."""

from typing import Annotated

import msgspec

from kernel.money import Rounding, divide

MILLION = 1_000_000
Ppm = Annotated[int, msgspec.Meta(ge=0, le=MILLION)]


class FeeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rate and a fixed part, and the tax on both; each step is rounded half up, as providers do it.

    A fee that differs by no more than `tolerance_minor` is as good as the exact one.
    """

    rate_ppm: Ppm
    fixed_minor: Annotated[int, msgspec.Meta(ge=0)] = 0
    tax_ppm: Ppm = 0
    tolerance_minor: Annotated[int, msgspec.Meta(ge=0)] = 0

    def fee_minor(self, amount_minor: int) -> int:
        """The fee on a payment of `amount_minor`, with its tax."""
        fee = divide(amount_minor * self.rate_ppm, MILLION, rounding=Rounding.HALF_UP) + self.fixed_minor
        return fee + divide(fee * self.tax_ppm, MILLION, rounding=Rounding.HALF_UP)

    def expected(self, amount_minor: int, *, told: int | None) -> int:
        """What the fee should be, given the one that was told: that one, where it is near enough."""
        exact = self.fee_minor(amount_minor)
        return told if told is not None and abs(told - exact) <= self.tolerance_minor else exact
