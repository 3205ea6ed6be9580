"""Providers' notices."""

from django.contrib import admin

from mpac.pgw.admin.base import GatewayAdmin
from mpac.pgw.models import (
    WebhookEvent,
    WebhookKey,
)


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
