"""Tax rates by country, code and day. Laws change them; no rate is written in code."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from kernel.schema import TableRules


class TaxRate(models.Model):
    """The rate of one tax code in one country, from one day on and, where `valid_to` is set, before another."""

    country = models.CharField(max_length=2)
    code = models.TextField()
    rate_ppm = models.IntegerField()
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    rules: ClassVar[TableRules] = TableRules(
        tenant=None, reason="tax law is the same for all tenants of a country"
    )

    class Meta:
        db_table = "tax_rates"
        constraints = (
            # A code has one rate a day; periods of one code begin on different days.
            models.UniqueConstraint(fields=["country", "code", "valid_from"], name="tax_rate_once_a_day"),
            # A rate is a share between nothing and everything.
            models.CheckConstraint(
                condition=models.Q(rate_ppm__gte=0, rate_ppm__lte=1_000_000), name="tax_rate_range"
            ),
            # A period has at least one day.
            models.CheckConstraint(
                condition=models.Q(valid_to__isnull=True) | models.Q(valid_to__gt=models.F("valid_from")),
                name="tax_rate_period",
            ),
        )

    def __str__(self) -> str:
        return f"{self.country} {self.code} {self.rate_ppm / 10_000:g}% from {self.valid_from}"
