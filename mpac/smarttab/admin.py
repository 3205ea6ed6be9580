"""Smarttab in the console: read-only."""

from django.contrib import admin

from kernel.admin import (
    ConsoleAdmin,
    IdempotencyKeyAdmin,
    InboxAdmin,
    JobRunAdmin,
    NonceAdmin,
    OutboxAdmin,
    PlatformAdmin,
    money,
    public_id,
    register_plumbing,
    state,
)
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


class SmarttabAdmin(ConsoleAdmin):
    """Pages of smarttab's tenant tables."""

    db = db


@admin.register(Order)
class OrderAdmin(SmarttabAdmin):
    list_display = (
        public_id("ord"), "business_date", "number", state(), state("payment_state"), "channel",
        money("total_minor"), money("paid_minor"), "merchant_id", "store_id", "created_at",
    )  # fmt: skip
    list_filter = ("status", "channel")
    search_fields = ("=client_reference", "=number")
    ordering = ("-id",)


@admin.register(OrderLine)
class OrderLineAdmin(SmarttabAdmin):
    list_display = (
        public_id("ord", "order_id"), "revision", "position", "name", "quantity", "unit_price_minor",
        "discount_minor", "total_minor", "tax_code", "store_id",
    )  # fmt: skip
    search_fields = ("=order_id", "=sku")
    ordering = ("-id",)


@admin.register(Bill)
class BillAdmin(SmarttabAdmin):
    list_display = (
        public_id("bil"), "number", state(), money("total_minor"), money("paid_minor"), money("reserved_minor"),
        public_id("ord", "order_id"), "merchant_id", "store_id", "created_at",
    )  # fmt: skip
    list_filter = ("status",)
    search_fields = ("=order_id",)
    ordering = ("-id",)


@admin.register(Payment)
class PaymentAdmin(SmarttabAdmin):
    list_display = (
        public_id("pay"), state(), "method", "provider", money("amount_minor"), money("captured_minor"),
        "payment_intent_id", "failure_code", public_id("bil", "bill_id"), "merchant_id", "store_id", "created_at",
    )  # fmt: skip
    list_filter = ("status", "method", "livemode")
    search_fields = ("=payment_intent_id", "=bill_id")
    ordering = ("-id",)


@admin.register(StateChange)
class StateChangeAdmin(SmarttabAdmin):
    list_display = (
        "subject", "subject_id", state("from_status"), state("to_status"), "actor", "reason", "store_id", "occurred_at",
    )  # fmt: skip
    list_filter = ("subject", "to_status")
    search_fields = ("=subject_id",)
    ordering = ("-id",)


@admin.register(DeviceStream)
class DeviceStreamAdmin(SmarttabAdmin):
    list_display = (public_id("dev", "device_id"), "floor", "head", "acknowledged", "store_id", "updated_at")
    search_fields = ("=device_id",)
    ordering = ("-updated_at",)


@admin.register(DeviceEvent)
class DeviceEventAdmin(SmarttabAdmin):
    list_display = (public_id("evt"), public_id("dev", "device_id"), "seq", "type", "store_id", "created_at")
    list_filter = ("type",)
    search_fields = ("=device_id",)
    ordering = ("-id",)


@admin.register(OrderCounter)
class OrderCounterAdmin(SmarttabAdmin):
    list_display = ("merchant_id", "store_id", "business_date", "last_number")
    ordering = ("-business_date", "store_id")


@admin.register(TaxRate)
class TaxRateAdmin(PlatformAdmin):
    """Rates are added with `manage.py add_tax_rate`."""

    db = db
    list_display = ("country", "code", "rate_ppm", "valid_from", "valid_to")
    list_filter = ("country",)
    ordering = ("country", "code", "-valid_from")


register_plumbing(
    db,
    {
        OutboxMessage: OutboxAdmin,
        InboxEntry: InboxAdmin,
        IdempotencyKey: IdempotencyKeyAdmin,
        Nonce: NonceAdmin,
        JobRun: JobRunAdmin,
    },
)
