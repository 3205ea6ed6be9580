"""Tax rates on a day. A code without a rate is absent from the answer: its order is refused, never taxed at nothing."""

import datetime as dt
from collections.abc import Collection

from django.db.models import Q

from mpac.smarttab.models import TaxRate


def list_rates_ppm(*, country: str, codes: Collection[str], on: dt.date) -> dict[str, int]:
    """Return the rates in parts per million that hold on a day in a country, by code."""
    if not codes:
        return {}
    rows = TaxRate.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gt=on), country=country, code__in=codes, valid_from__lte=on
    )
    return dict(rows.order_by("valid_from").values_list("code", "rate_ppm"))
