"""The gateway in the console: what it mirrors, what it charges, and what providers said about it."""

from django.contrib import admin

from kernel.admin import ConsoleAdmin, PlatformAdmin, register_plumbing
from mpac.pgw.db import db
from mpac.pgw.models import (
    Capture,
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
    Refund,
    Store,
    StoreProviderConfig,
    WebhookEvent,
    WebhookKey,
)

WHERE = ("psp_id", "merchant_id", "store_id")


class GatewayAdmin(ConsoleAdmin):
    """Pages of the gateway's tenant tables."""

    db = db


@admin.register(PaymentIntent)
class PaymentIntentAdmin(GatewayAdmin):
    """Wishes to take money."""

    kind = "pi"
    list_display = (
        *("id", "status", "amount_minor", "captured_minor", "method", "provider", "livemode", "created_at"),
        *("reference", "source", *WHERE),
    )
    list_filter = ("status", "method", "source", "livemode", "created_at")
    search_fields = ("reference__exact",)
    search_help_text = "an intent's identifier, or the caller's own reference"
    ordering = ("-id",)


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(GatewayAdmin):
    """Charges at providers."""

    kind = "att"
    references = {"intent": "pi"}
    attention = {"attempts whose outcome is unknown": {"status": "unknown"}}
    list_display = (
        *(
            "id",
            "status",
            "amount_minor",
            "captured_minor",
            "provider",
            "provider_reference",
            "intent",
            "number",
        ),
        *("created_at", "error_code", "probes", "next_probe_at", "provider_key", *WHERE),
    )
    list_filter = ("status", "livemode", ("next_probe_at", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("provider_key__exact", "provider_reference__exact")
    search_help_text = (
        "an attempt's or intent's identifier, our key at the provider, or the provider's reference"
    )
    ordering = ("-id",)


@admin.register(Capture)
class CaptureAdmin(GatewayAdmin):
    """Held money taken."""

    kind = "cap"
    references = {"intent": "pi", "attempt": "att"}
    list_display = (
        *("id", "status", "amount_minor", "final", "provider", "provider_reference", "intent", "created_at"),
        *("error_code", "probes", "next_probe_at", "operation_key", "requested_by", *WHERE),
    )
    list_filter = ("status", "livemode", "created_at")
    search_fields = ("operation_key__exact", "provider_reference__exact")
    search_help_text = (
        "a capture's or intent's identifier, our key at the provider, or the provider's reference"
    )
    ordering = ("-id",)


@admin.register(Refund)
class RefundAdmin(GatewayAdmin):
    """Money given back."""

    kind = "re"
    references = {"intent": "pi", "attempt": "att", "retry_of": "re"}
    attention = {
        "refunds that people have to send": {"status": "pending", "evidence_by__isnull": "True"},
        "refunds that a second person has to look at": {"status": "pending", "evidence_by__isnull": "False"},
        "refunds that failed": {"status": "failed", "refund__isnull": "True"},
        "refunds that came back": {"status": "reversed", "refund__isnull": "True"},
    }
    list_display = (
        *("id", "status", "amount_minor", "reason", "manual", "provider", "provider_reference", "intent"),
        *("created_at", "error_code", "probes", "next_probe_at", "operation_key", "retry_of"),
        *("requested_by", "evidence_by", "approved_by", *WHERE),
    )
    list_filter = ("status", "manual", "livemode", "created_at")
    search_fields = ("operation_key__exact", "provider_reference__exact", "payment_reference__exact")
    search_help_text = (
        "a refund's or intent's identifier, our key at the provider, or the provider's reference"
    )
    ordering = ("-id",)


@admin.register(IntentEvent)
class IntentEventAdmin(GatewayAdmin):
    """The steps of intents, attempts, captures and refunds."""

    references = {"intent_id": "pi", "attempt_id": "att", "capture_id": "cap", "refund_id": "re"}
    list_display = (
        *(
            "created_at",
            "intent_id",
            "attempt_id",
            "capture_id",
            "refund_id",
            "sequence",
            "from_status",
            "to_status",
            "actor",
            "reason",
        ),
        *WHERE,
    )
    list_filter = ("created_at",)
    search_fields = ("actor__exact",)
    search_help_text = "an intent's or attempt's identifier, or who did it"
    ordering = ("-id",)


@admin.register(PaymentTransaction)
class PaymentTransactionAdmin(GatewayAdmin):
    """What providers answered."""

    references = {"payment_intent_id": "pi", "attempt_id": "att"}
    list_display = (
        *("created_at", "status", "amount_minor", "provider_name", "provider_reference", "learned_from"),
        *("payment_intent_id", "attempt_id", "error_code", *WHERE),
    )
    list_filter = ("created_at",)
    search_fields = ("provider_reference__exact",)
    search_help_text = "an intent's or attempt's identifier, or the provider's reference"
    ordering = ("-id",)


@admin.register(ProviderReference)
class ProviderReferenceAdmin(GatewayAdmin):
    """Movements of money that were counted, each once."""

    references = {"attempt_id": "att"}
    list_display = ("reference", "provider", "attempt_id", "created_at", *WHERE)
    search_fields = ("reference__exact",)
    search_help_text = "an attempt's identifier, or the provider's reference"
    ordering = ("-id",)


@admin.register(LatePayment)
class LatePaymentAdmin(GatewayAdmin):
    """Money that came too late, twice, or wrong."""

    references = {"intent": "pi", "attempt": "att"}
    attention = {
        "late payments to decide on": {"status": "received"},
        "late payments to give back": {"status": "return_due"},
    }
    list_display = (
        *("created_at", "status", "amount_minor", "reason", "provider", "provider_reference", "intent"),
        *("decided_at", "return_reason", *WHERE),
    )
    list_filter = ("status", "reason", "created_at")
    search_fields = ("provider_reference__exact",)
    search_help_text = "an intent's or attempt's identifier, or the provider's reference"
    ordering = ("-id",)


@admin.register(WebhookKey)
class WebhookKeyAdmin(GatewayAdmin):
    """Notices of providers, each once, and how far they came."""

    attention = {"notices about nothing that we know": {"status": "parked"}}
    list_display = (
        *("created_at", "status", "provider", "provider_key", "provider_reference", "deliveries", "tries"),
        *("next_try_at", "last_error", "psp_id", "merchant_id"),
    )
    list_filter = ("status", "created_at")
    search_fields = ("provider_key__exact", "provider_reference__exact")
    search_help_text = "our key at the provider, or the provider's reference"
    ordering = ("-id",)


@admin.register(WebhookEvent)
class WebhookEventAdmin(GatewayAdmin):
    """Deliveries as they came; their bytes and headers are not shown."""

    list_display = ("created_at", "provider", "dedupe_key", "remote_address", "psp_id", "merchant_id")
    list_filter = ("created_at",)
    search_fields = ("dedupe_key__exact",)
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
    search_fields = ("psp_id__exact", "name")
    ordering = ("psp_id",)


@admin.register(Merchant)
class MerchantAdmin(GatewayAdmin):
    """Mirrored merchants."""

    list_display = (
        *(
            "merchant_id",
            "merchant_code",
            "name",
            "psp_id",
            "is_active",
            "version",
            "deleted_at",
            "synced_at",
        ),
    )
    list_filter = ("is_active", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("merchant_id__exact", "merchant_code", "name")
    ordering = ("-merchant_id",)


@admin.register(Store)
class StoreAdmin(GatewayAdmin):
    """Mirrored stores."""

    list_display = (
        *("store_id", "store_code", "name", "psp_id", "merchant_id", "is_active", "version", "deleted_at"),
        "synced_at",
    )
    list_filter = ("is_active", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("store_id__exact", "merchant_id__exact", "store_code", "name")
    ordering = ("-store_id",)


@admin.register(StoreProviderConfig)
class StoreProviderConfigAdmin(GatewayAdmin):
    """Mirrored provider accounts, without their credentials."""

    list_display = ("provider_name", "enabled", "livemode", "version", "deleted_at", "synced_at", *WHERE)
    list_filter = ("provider_name", "enabled", "livemode")
    search_fields = ("store_id__exact", "merchant_id__exact")
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


register_plumbing(db, OutboxMessage, InboxEntry, IdempotencyKey, Nonce, JobRun)
