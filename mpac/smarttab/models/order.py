"""Orders and their lines. Sums are computed by `domain.totals`; the constraints repeat what must never be broken."""

from typing import ClassVar

from django.db import models

from kernel.models import CurrencyField, StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.smarttab.domain.payments import payment_state
from mpac.smarttab.domain.states import ORDER_TRANSITIONS, Channel, OrderStatus, PaymentState


class OrderCounter(models.Model):
    """The last order number of a store on one business day; its row lock makes numbers run without gaps."""

    psp_id = models.IntegerField()
    merchant_id = models.IntegerField()
    store_id = models.IntegerField()
    business_date = models.DateField()
    last_number = models.IntegerField()

    rules: ClassVar[TableRules] = TableRules(tenant="store")

    class Meta:
        db_table = "order_counters"
        constraints = (
            # One counter per store and business day.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "store_id", "business_date"], name="order_counter_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.store_id} {self.business_date}: {self.last_number}"


class Order(StoreModel):
    """What a guest wants, what it costs, how far the kitchen is and how far it is paid."""

    device_id = models.UUIDField(null=True)
    number = models.IntegerField()
    business_date = models.DateField()
    status = models.TextField(choices=choices(OrderStatus))
    channel = models.TextField(choices=choices(Channel))
    table_name = models.TextField(default="")
    customer_id = models.UUIDField(null=True)
    client_reference = models.TextField(default="")
    currency = CurrencyField()
    subtotal_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField()
    service_charge_minor = models.BigIntegerField()
    tip_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    paid_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    details = models.JSONField()
    livemode = models.BooleanField(db_default=False)
    revision = models.IntegerField(default=1)
    version = models.IntegerField(default=1)
    idempotency_key = models.TextField(null=True)
    updated_at = models.DateTimeField()

    rules: ClassVar[TableRules] = TableRules(tenant="store", transitions=ORDER_TRANSITIONS)

    class Meta(StoreModel.Meta):
        db_table = "orders"
        constraints = (
            choices_check("status", OrderStatus, "order_status"),
            choices_check("channel", Channel, "order_channel"),
            # Guests and staff call an order by its number; a store gives it once a business day.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "store_id", "business_date", "number"],
                name="order_number_once",
            ),
            # A key has one effect for ever, also when its stored answer is gone.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "idempotency_key"], name="order_key_once"
            ),
            # The total is the sum of its parts; tax is inside.
            models.CheckConstraint(
                condition=models.Q(
                    total_minor=models.F("subtotal_minor")
                    - models.F("discount_minor")
                    + models.F("service_charge_minor")
                    + models.F("tip_minor")
                ),
                name="order_total_adds_up",
            ),
            # No part of an order is negative, and no discount exceeds what it is taken from.
            models.CheckConstraint(
                condition=models.Q(
                    subtotal_minor__gte=0,
                    discount_minor__gte=0,
                    discount_minor__lte=models.F("subtotal_minor"),
                    service_charge_minor__gte=0,
                    tip_minor__gte=0,
                    tax_minor__gte=0,
                    tax_minor__lte=models.F("total_minor"),
                ),
                name="order_parts_range",
            ),
            # Never more paid than asked, never more given back than paid.
            models.CheckConstraint(
                condition=models.Q(
                    paid_minor__gte=0,
                    paid_minor__lte=models.F("total_minor"),
                    refunded_minor__gte=0,
                    refunded_minor__lte=models.F("paid_minor"),
                ),
                name="order_paid_range",
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "store_id", "-id"], name="order_newest"),
            models.Index(
                fields=["psp_id", "merchant_id", "store_id", "status", "-id"], name="order_by_status"
            ),
        )

    def __str__(self) -> str:
        return f"{self.business_date} #{self.number}"

    @property
    def payment_state(self) -> PaymentState:
        """How far the order is paid, derived from what was paid and given back."""
        return payment_state(
            total_minor=self.total_minor, paid_minor=self.paid_minor, refunded_minor=self.refunded_minor
        )


class OrderLine(StoreModel):
    """One line of an order in one of its revisions. A changed order gets new lines; the old ones stay as history."""

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="lines", db_constraint=False, db_index=False
    )
    revision = models.IntegerField()
    position = models.IntegerField()
    name = models.TextField()
    sku = models.TextField(default="")
    product_id = models.TextField(default="")
    quantity = models.IntegerField()
    unit_price_minor = models.BigIntegerField()
    tax_code = models.TextField(default="")
    modifiers = models.JSONField(default=list)
    discount = models.JSONField(null=True)
    gross_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()

    rules: ClassVar[TableRules] = TableRules(
        tenant="store", append_only=True, parents=(Parent("order_id", "orders"),)
    )

    class Meta(StoreModel.Meta):
        db_table = "order_lines"
        constraints = (
            # Lines of a revision have an order.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "order", "revision", "position"], name="order_line_position"
            ),
            # A line is for something, and its sum adds up.
            models.CheckConstraint(
                condition=models.Q(
                    quantity__gte=1,
                    unit_price_minor__gte=0,
                    discount_minor__gte=0,
                    total_minor__gte=0,
                    total_minor=models.F("gross_minor") - models.F("discount_minor"),
                ),
                name="order_line_adds_up",
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"
