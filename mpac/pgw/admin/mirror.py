"""What is mirrored from portal, and the lookups that all tenants share."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from mpac.pgw.admin.base import WHERE, GatewayAdmin, GatewayPlatformAdmin
from mpac.pgw.admin.routing import PUBLISHING
from mpac.pgw.models import (
    ClientPartner,
    Currency,
    Merchant,
    PaymentMethod,
    Store,
    StoreProviderConfig,
)
from mpac.pgw.selectors.mirror import notice_url


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

    row_actions = (PUBLISHING,)
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

    row_actions = (PUBLISHING,)
    list_display = (
        *("store_id", "store_code", "name", "psp_id", "merchant_id", "is_active", "version", "deleted_at"),
        "synced_at",
    )
    list_filter = ("is_active", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("store_id__exact", "merchant_id__exact", "store_code", "name")
    ordering = ("-store_id",)


def notices_come_to(account: StoreProviderConfig) -> str:
    """The address that the provider's notices about an account come to."""
    return notice_url(account)


@admin.register(StoreProviderConfig)
class StoreProviderConfigAdmin(GatewayAdmin):
    """Mirrored provider accounts, without their credentials."""

    list_display = ("provider_name", "enabled", "livemode", "version", "deleted_at", "synced_at", *WHERE)
    list_filter = ("provider_name", "enabled", "livemode")
    search_fields = ("store_id__exact", "merchant_id__exact")
    ordering = ("-id",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """All columns, and what a merchant enters in the provider's own dashboard."""
        return [*super().get_fieldsets(request, obj), ("Notices", {"fields": [notices_come_to]})]


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
