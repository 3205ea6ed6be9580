"""Tax rates on a day. A code without a rate is absent from the answer: its order is refused, never taxed at nothing."""

import datetime as dt
from collections.abc import Collection

from django.db.models import Q, QuerySet

from mpac.smarttab.models import TaxRate


def list_rates_ppm(*, country: str, codes: Collection[str], on: dt.date) -> dict[str, int]:
    """Return the rates in parts per million that hold on a day in a country, by code."""
    if not codes:
        return {}
    rows = _holding(TaxRate.objects.filter(country=country, code__in=codes), on)
    return dict(rows.order_by("valid_from").values_list("code", "rate_ppm"))


def list_tax_rates(
    *, country: str | None = None, code: str | None = None, on: dt.date | None = None
) -> "QuerySet[TaxRate]":
    """Rates of a country, of a code, and those that hold on a day; all of them where nothing is asked for."""
    named = {"country": country, "code": code}
    found: QuerySet[TaxRate] = TaxRate.objects.filter(
        **{name: value for name, value in named.items() if value is not None}
    )
    return found if on is None else _holding(found, on)


def _holding(rates: "QuerySet[TaxRate]", on: dt.date) -> "QuerySet[TaxRate]":
    return rates.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=on), valid_from__lte=on)
