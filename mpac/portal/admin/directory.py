"""The hierarchy in the console."""

from django.contrib import admin

from mpac.portal.admin.base import WHERE, PortalAdmin
from mpac.portal.models import Merchant, ProviderConfig, Psp, Store

NAMED = ("id", "code", "name", "status")
PLACED = ("country", "currency", "time_zone")
CHANGED = ("version", "updated_at")


class DirectoryAdmin(PortalAdmin):
    """What the pages of providers, merchants and stores have in common."""

    list_display_links = ("id", "code")
    list_filter = ("status", "country")
    search_fields = ("id__exact", "code", "name")
    ordering = ("-id",)


@admin.register(Psp)
class PspAdmin(DirectoryAdmin):
    """Payment service providers: the tenants."""

    kind = "psp"
    list_display = (*NAMED, *PLACED, "rate_limit_per_minute", *CHANGED)


@admin.register(Merchant)
class MerchantAdmin(DirectoryAdmin):
    """Merchants."""

    kind = "merchant"
    list_display = (*NAMED, "psp_id", *PLACED, *CHANGED)


@admin.register(Store)
class StoreAdmin(DirectoryAdmin):
    """Stores."""

    kind = "store"
    list_display = (*NAMED, "psp_id", "merchant_id", *PLACED, *CHANGED)


@admin.register(ProviderConfig)
class ProviderConfigAdmin(PortalAdmin):
    """Stores' accounts with banks and wallets, without their credentials."""

    list_display = ("provider", "enabled", "livemode", "version", "updated_at", *WHERE)
    list_filter = ("provider", "enabled", "livemode")
    search_fields = ("provider", "store_id__exact")
    ordering = ("-id",)
