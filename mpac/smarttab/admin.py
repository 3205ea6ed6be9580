"""Smarttab in the console: read-only."""

from django.contrib import admin

from kernel.admin import ConsoleAdmin, KindIn, PlatformAdmin, register_plumbing
from mpac.smarttab.db import db
from mpac.smarttab.models import (
    Bill,
    DeviceEvent,
    DeviceStream,
    IdempotencyKey,
    InboxEntry,
    JobRun,
    Nonce,
    Order,
    OrderCounter,
    OrderLine,
    OutboxMessage,
    Payment,
    StateChange,
    TaxRate,
)

WHERE = ("psp_id", "merchant_id", "store_id")


class SmarttabAdmin(ConsoleAdmin):
    """Pages of smarttab's tenant tables."""

    db = db


@admin.register(Order)
class OrderAdmin(SmarttabAdmin):
    """What guests want."""

    kind = "ord"
    references = {"device_id": "dev", "customer_id": "cus"}
    list_display = (
        *("id", "number", "status", "payment_state", "total_minor", "paid_minor", "channel", "table_name"),
        *("business_date", "created_at", *WHERE),
    )
    list_filter = ("status", "channel", "created_at")
    search_fields = ("client_reference__exact",)
    search_help_text = "an order's or a terminal's identifier, or the client's own reference"
    ordering = ("-id",)


@admin.register(Bill)
class BillAdmin(SmarttabAdmin):
    """What guests are asked for."""

    kind = "bil"
    references = {"order": "ord", "device_id": "dev"}
    list_display = (
        *("id", "number", "status", "total_minor", "paid_minor", "reserved_minor", "order"),
        *("created_at", "closed_at", *WHERE),
    )
    list_filter = ("status", "created_at")
    search_fields = ("number__exact",)
    search_help_text = "a bill's, an order's or a terminal's identifier, or a bill's number"
    ordering = ("-id",)


@admin.register(Payment)
class PaymentAdmin(SmarttabAdmin):
    """What guests give."""

    kind = "pay"
    references = {"order": "ord", "bill": "bil", "device_id": "dev", "payment_intent_id": "pi"}
    list_display = (
        *("id", "status", "method", "amount_minor", "captured_minor", "livemode", "created_at", "bill"),
        *("payment_intent_id", "failure_code", *WHERE),
    )
    list_filter = ("status", "method", "livemode", "created_at")
    search_fields = ("id__exact",)
    search_help_text = "the identifier of a payment, bill, order, terminal or payment intent"
    ordering = ("-id",)


@admin.register(OrderLine)
class OrderLineAdmin(SmarttabAdmin):
    """What an order consists of, revision by revision."""

    currency = "order.currency"
    references = {"order": "ord"}
    list_display = (
        *(
            "name",
            "order",
            "revision",
            "position",
            "quantity",
            "unit_price_minor",
            "discount_minor",
            "total_minor",
        ),
        *("tax_code", *WHERE),
    )
    list_select_related = ("order",)
    search_fields = ("sku__exact",)
    search_help_text = "an order's identifier, or an article number"
    ordering = ("-id",)


@admin.register(StateChange)
class StateChangeAdmin(SmarttabAdmin):
    """Every step of orders, bills and payments."""

    references = {"subject_id": KindIn("subject", {"order": "ord", "bill": "bil", "payment": "pay"})}
    list_display = (
        *("occurred_at", "subject", "subject_id", "from_status", "to_status", "actor", "reason"),
        *WHERE,
    )
    list_filter = ("occurred_at",)
    search_fields = ("actor__exact",)
    search_help_text = "the identifier of an order, bill or payment, or who did it"
    ordering = ("-id",)


@admin.register(DeviceStream)
class DeviceStreamAdmin(SmarttabAdmin):
    """How far each terminal's log reaches, and how far the terminal has read."""

    references = {"device_id": "dev"}
    list_display = ("device_id", "floor", "head", "acknowledged", "updated_at", *WHERE)
    search_fields = ("device_id__exact",)
    search_help_text = "a terminal's identifier"
    ordering = ("-updated_at",)


@admin.register(DeviceEvent)
class DeviceEventAdmin(SmarttabAdmin):
    """What terminals were told."""

    references = {"device_id": "dev"}
    list_display = ("seq", "type", "device_id", "created_at", *WHERE)
    list_filter = ("created_at",)
    search_fields = ("type__exact",)
    search_help_text = "a terminal's identifier, or a type of event"
    ordering = ("-id",)


@admin.register(OrderCounter)
class OrderCounterAdmin(SmarttabAdmin):
    """The last order number of each store and day."""

    list_display = ("business_date", "last_number", *WHERE)
    ordering = ("-business_date", "store_id")


@admin.register(TaxRate)
class TaxRateAdmin(PlatformAdmin):
    """Rates are added with `manage.py add_tax_rate`."""

    db = db
    list_display = ("country", "code", "percent", "valid_from", "valid_to")
    list_filter = ("country",)
    ordering = ("country", "code", "-valid_from")

    @admin.display(description="rate", ordering="rate_ppm")
    def percent(self, rate: TaxRate) -> str:
        """Parts per million are for machines."""
        return f"{rate.rate_ppm / 10_000:g} %"


register_plumbing(db, OutboxMessage, InboxEntry, IdempotencyKey, Nonce, JobRun)
