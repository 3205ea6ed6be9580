"""`manage.py add_tax_rate TH vat 7 2026-10-01`: a rate from a day on; the one before it ends there."""

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel import clock
from kernel.tenancy import SystemScope
from mpac.smarttab.errors import RateOutOfOrder
from mpac.smarttab.services.taxes import NewTaxRate, add_tax_rate

PPM_PER_PERCENT = 10_000
HUNDRED_PERCENT = 100 * PPM_PER_PERCENT


class Command(BaseCommand):
    help = "Add a tax rate. Orders of that business day and later bear it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("country", help="two letters, such as TH")
        parser.add_argument("code", help="the tax code that order items name")
        parser.add_argument("percent", help="such as 7 or 8.25")
        parser.add_argument("valid_from", help="the first day, such as 2026-10-01")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rate = NewTaxRate(
                country=options["country"].upper(),
                code=options["code"],
                rate_ppm=_ppm(options["percent"]),
                valid_from=dt.date.fromisoformat(options["valid_from"]),
            )
            added = add_tax_rate(scope=SystemScope("upkeep"), rate=rate, now=clock.now())
        except RateOutOfOrder as refusal:
            raise CommandError(refusal.errors[0].message) from None
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Added {added}.")


def _ppm(percent: str) -> int:
    """Return a percentage in parts per million. Raises ValueError unless it is exact and at most 100."""
    try:
        ppm = Decimal(percent) * PPM_PER_PERCENT
        exact = ppm == int(ppm) and 0 <= ppm <= HUNDRED_PERCENT
    except (InvalidOperation, OverflowError, ValueError):
        exact = False
    if not exact:
        msg = "the rate is a percentage from 0 to 100 with at most four decimals"
        raise ValueError(msg)
    return int(ppm)
