"""Lookup tables that every tenant shares: currencies with their exponents, and payment methods."""

from django.db import models

from kernel.schema import TableRules


class Currency(models.Model):
    """An ISO 4217 currency that the gateway accepts."""

    code = models.CharField(max_length=3, primary_key=True)
    name = models.TextField()
    symbol = models.TextField(default="")
    exponent = models.SmallIntegerField()
    is_active = models.BooleanField(default=True)

    rules = TableRules(tenant=None, reason="a lookup that all tenants share")

    class Meta:
        db_table = "currencies"
        verbose_name_plural = "currencies"
        constraints = (
            # ISO 4217 has exponents 0 to 4.
            models.CheckConstraint(
                condition=models.Q(exponent__gte=0, exponent__lte=4), name="currencies_exponent"
            ),
        )

    def __str__(self) -> str:
        return self.code


class PaymentMethod(models.Model):
    """A way to pay through the gateway."""

    code = models.TextField(primary_key=True)
    name = models.TextField()
    is_active = models.BooleanField(default=True)

    rules = TableRules(tenant=None, reason="a lookup that all tenants share")

    class Meta:
        db_table = "payment_methods"

    def __str__(self) -> str:
        return self.code
