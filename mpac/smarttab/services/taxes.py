"""Configuring tax rates. A rate is never edited: a new one begins on a day, and the one before it ends there."""

import datetime as dt
from dataclasses import dataclass

from kernel.audit import record
from kernel.errors import FieldError
from kernel.tenancy import SystemScope
from mpac.smarttab.db import atomic, db
from mpac.smarttab.errors import RateOutOfOrder
from mpac.smarttab.models import TaxRate

# The first rates of a code have no row before them to lock.
IN_LINE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


@dataclass(frozen=True, kw_only=True)
class NewTaxRate:
    """A rate in parts per million that holds for a code in a country from a day on."""

    country: str
    code: str
    rate_ppm: int
    valid_from: dt.date


def add_tax_rate(*, scope: SystemScope, rate: NewTaxRate, now: dt.datetime) -> TaxRate:
    """Add a rate and end its predecessor on the same day. Raises RateOutOfOrder."""
    with atomic(scope):
        db.execute(IN_LINE, [f"smarttab.tax_rates:{rate.country}:{rate.code}"])
        earlier = TaxRate.objects.filter(country=rate.country, code=rate.code)
        last = earlier.order_by("-valid_from").first()
        if last is not None and last.valid_from >= rate.valid_from:
            fault = FieldError("valid_from", "out_of_order", f"The last rate begins on {last.valid_from}.")
            raise RateOutOfOrder(errors=[fault])
        if last is not None and (last.valid_to is None or last.valid_to > rate.valid_from):
            TaxRate.objects.filter(pk=last.pk).update(valid_to=rate.valid_from)
        added: TaxRate = TaxRate.objects.create(
            country=rate.country,
            code=rate.code,
            rate_ppm=rate.rate_ppm,
            valid_from=rate.valid_from,
            created_at=now,
        )
        record(db, "tax_rate.added", added, now=now)
    return added
