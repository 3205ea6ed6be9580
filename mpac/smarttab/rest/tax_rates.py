"""Tax rates over HTTP: law, the same for all; read by everybody who sells, added by the platform's operators."""

import datetime as dt
from typing import Annotated, Literal

import msgspec

from kernel.clock import rfc3339
from kernel.errors import FieldError, Invalid
from kernel.rest import Body, Instant, Page, PageQuery, Request, View, operation, paginate
from kernel.tenancy import SystemScope
from mpac.smarttab.db import atomic
from mpac.smarttab.models import TaxRate
from mpac.smarttab.rest.endpoint import SmarttabEndpoint
from mpac.smarttab.selectors.taxes import list_tax_rates
from mpac.smarttab.services.taxes import NewTaxRate, add_tax_rate

SCOPE = SystemScope("upkeep")
CountryCode = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
TaxCode = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9_.-]{0,63}$")]
Day = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", extra_json_schema={"format": "date"})
]


class ListTaxRates(PageQuery):
    """Of a country, of a code, and those that hold on a day."""

    country: CountryCode | None = None
    code: TaxCode | None = None
    on: Day | None = None


class AddTaxRate(Body):
    """`rate_ppm` is in parts per million: 70000 are seven percent. The rate before it ends on the day this one begins."""

    country: CountryCode
    code: TaxCode
    rate_ppm: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    valid_from: Day


class TaxRateView(View, kw_only=True):
    """A rate from a day on and, where `valid_to` is set, before another."""

    id: int
    created_at: Instant
    country: str
    code: str
    rate_ppm: int
    valid_from: str
    valid_to: str | None
    object: Literal["tax_rate"] = "tax_rate"


class TaxRatesEndpoint(SmarttabEndpoint):
    """All rates of all countries."""

    callers = frozenset({"device", "partner", "person"})

    @operation("tax_rates.list", summary="List tax rates", query=ListTaxRates, response=Page[TaxRateView])
    def get(self, request: Request, query: ListTaxRates) -> Page[TaxRateView]:
        on = day("on", query.on) if query.on else None
        with atomic(SCOPE):
            found = list_tax_rates(country=query.country, code=query.code, on=on)
            return paginate(found, query, tax_rate, integer=True)

    @operation(
        "tax_rates.add",
        summary="Add a tax rate; orders of that business day and later bear it",
        body=AddTaxRate,
        response=TaxRateView,
        status=201,
        permission="platform:write",
        reach="platform",
        callers={"person"},
    )
    def post(self, request: Request, body: AddTaxRate) -> TaxRateView:
        rate = NewTaxRate(
            country=body.country,
            code=body.code,
            rate_ppm=body.rate_ppm,
            valid_from=day("valid_from", body.valid_from),
        )
        return tax_rate(add_tax_rate(scope=SCOPE, rate=rate, now=self.now))


def day(field: str, text: str) -> dt.date:
    """The day that a text names. Raises Invalid when no calendar has it."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Invalid(errors=[FieldError(field, "invalid", "There is no such day.")]) from None


def tax_rate(row: TaxRate) -> TaxRateView:
    """A rate as the API shows it."""
    return TaxRateView(
        id=row.pk,
        created_at=rfc3339(row.created_at),
        country=row.country,
        code=row.code,
        rate_ppm=row.rate_ppm,
        valid_from=row.valid_from.isoformat(),
        valid_to=row.valid_to.isoformat() if row.valid_to else None,
    )
