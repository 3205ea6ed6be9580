"""The gateway in the console: what it mirrors, what it charges, and what providers said about it."""

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
from mpac.pgw.db import db
from mpac.pgw.models import (
    ClientPartner,
    Currency,
    IdempotencyKey,
    InboxEntry,
    IntentEvent,
    JobRun,
    LatePayment,
    Merchant,
    Nonce,
    OutboxMessage,
    PaymentAttempt,
    PaymentIntent,
    PaymentMethod,
    PaymentTransaction,
    ProviderReference,
    Store,
    StoreProviderConfig,
    WebhookEvent,
    WebhookKey,
)


class GatewayAdmin(ConsoleAdmin):
    """Pages of the gateway's tenant tables."""

    db = db


@admin.register(PaymentIntent)
class PaymentIntentAdmin(GatewayAdmin):
    """Wishes to take money."""

    list_display = (
        public_id("pi"),
        state(),
        money("amount_minor"),
        money("captured_minor"),
        "method",
        "provider",
        "reference",
        "livemode",
        "psp_id",
        "merchant_id",
        "store_id",
        "created_at",
    )
    list_filter = ("status", "currency", "method", "provider", "source", "livemode")
    search_fields = ("=reference", "=idempotency_key")
    ordering = ("-id",)


@admin.register(IntentEvent)
class IntentEventAdmin(GatewayAdmin):
    """The steps of intents and attempts."""

    list_display = (
        public_id("pi", "intent_id"),
        public_id("att", "attempt_id"),
        "sequence",
        "from_status",
        state("to_status"),
        "actor",
        "reason",
        "created_at",
    )
    list_filter = ("to_status", "actor")
    search_fields = ("=intent_id", "=attempt_id")
    ordering = ("-id",)


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(GatewayAdmin):
    """Charges at providers."""

    list_display = (
        public_id("att"),
        public_id("pi", "intent_id"),
        "number",
        state(),
        money("amount_minor"),
        "provider",
        "provider_key",
        "provider_reference",
        "error_code",
        "probes",
        "next_probe_at",
        "merchant_id",
        "created_at",
    )
    list_filter = ("status", "provider", "livemode", ("next_probe_at", admin.EmptyFieldListFilter))
    search_fields = ("=provider_key", "=provider_reference", "=intent__id")
    ordering = ("-id",)


@admin.register(PaymentTransaction)
class PaymentTransactionAdmin(GatewayAdmin):
    """What providers answered."""

    list_display = (
        public_id("pi", "payment_intent_id"),
        public_id("att", "attempt_id"),
        "provider_name",
        "learned_from",
        state(),
        money("amount_minor"),
        "provider_reference",
        "error_code",
        "created_at",
    )
    list_filter = ("status", "provider_name", "learned_from")
    search_fields = ("=provider_reference", "=payment_intent_id")
    ordering = ("-id",)


@admin.register(ProviderReference)
class ProviderReferenceAdmin(GatewayAdmin):
    """Movements of money that were counted."""

    list_display = ("provider", "reference", public_id("att", "attempt_id"), "merchant_id", "created_at")
    list_filter = ("provider",)
    search_fields = ("=reference",)
    ordering = ("-id",)


@admin.register(LatePayment)
class LatePaymentAdmin(GatewayAdmin):
    """Money that came too late, twice, or wrong."""

    list_display = (
        public_id("pi", "intent_id"),
        state(),
        "reason",
        money("amount_minor"),
        "provider",
        "provider_reference",
        "merchant_id",
        "created_at",
        "decided_at",
    )
    list_filter = ("status", "reason", "provider")
    search_fields = ("=provider_reference", "=intent__id")
    ordering = ("-id",)


@admin.register(WebhookKey)
class WebhookKeyAdmin(GatewayAdmin):
    """Notices of providers, each once, and how far they came."""

    list_display = (
        "provider",
        "provider_key",
        "provider_reference",
        state(),
        "deliveries",
        "tries",
        "next_try_at",
        "last_error",
        "merchant_id",
        "created_at",
    )
    list_filter = ("status", "provider")
    search_fields = ("=provider_key", "=provider_reference")
    ordering = ("-id",)


@admin.register(WebhookEvent)
class WebhookEventAdmin(GatewayAdmin):
    """Deliveries as they came; their bytes and headers are not shown."""

    list_display = ("provider", "dedupe_key", "remote_address", "merchant_id", "created_at")
    list_filter = ("provider",)
    search_fields = ("=dedupe_key",)
    ordering = ("-id",)


@admin.register(ClientPartner)
class ClientPartnerAdmin(GatewayAdmin):
    """Mirrored payment service providers."""

    list_display = (
        "psp_id",
        "name",
        "is_active",
        "rate_limit_per_minute",
        "version",
        "deleted_at",
        "synced_at",
    )
    list_filter = ("is_active", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("=psp_id", "name")
    ordering = ("psp_id",)


@admin.register(Merchant)
class MerchantAdmin(GatewayAdmin):
    """Mirrored merchants."""

    list_display = (
        "merchant_id",
        "merchant_code",
        "name",
        "psp_id",
        "is_active",
        "version",
        "deleted_at",
        "synced_at",
    )
    list_filter = ("is_active", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("=merchant_id", "merchant_code", "name")
    ordering = ("-merchant_id",)


@admin.register(Store)
class StoreAdmin(GatewayAdmin):
    """Mirrored stores."""

    list_display = (
        "store_id",
        "store_code",
        "name",
        "psp_id",
        "merchant_id",
        "is_active",
        "version",
        "deleted_at",
        "synced_at",
    )
    list_filter = ("is_active", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("=store_id", "=merchant_id", "store_code", "name")
    ordering = ("-store_id",)


@admin.register(StoreProviderConfig)
class StoreProviderConfigAdmin(GatewayAdmin):
    """Mirrored provider accounts, without their credentials."""

    list_display = (
        "store_id",
        "provider_name",
        "enabled",
        "livemode",
        "psp_id",
        "merchant_id",
        "version",
        "deleted_at",
        "synced_at",
    )
    list_filter = ("provider_name", "enabled", "livemode")
    search_fields = ("=store_id", "=merchant_id")
    ordering = ("-id",)


class GatewayPlatformAdmin(PlatformAdmin):
    """Pages of the gateway's tables that belong to no tenant."""

    db = db


@admin.register(Currency)
class CurrencyAdmin(GatewayPlatformAdmin):
    """Currencies."""

    list_display = ("code", "name", "symbol", "exponent", "is_active")
    ordering = ("code",)


@admin.register(PaymentMethod)
class PaymentMethodAdmin(GatewayPlatformAdmin):
    """Payment methods."""

    list_display = ("code", "name", "is_active")
    ordering = ("code",)


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
