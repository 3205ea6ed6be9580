"""Portal in the console."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from kernel.admin import ConsoleAdmin, PlatformAdmin, console_scope, register_plumbing
from kernel.tenancy import SystemScope
from mpac.portal.db import db
from mpac.portal.models import (
    ApiKey,
    Authenticator,
    ClientAssertion,
    Device,
    DeviceStatusChange,
    IdempotencyKey,
    InboxEntry,
    JobRun,
    Membership,
    Merchant,
    Nonce,
    OutboxMessage,
    ProviderConfig,
    Psp,
    Revocation,
    SigningKey,
    Store,
    User,
)

WHERE = ("psp_id", "merchant_id", "store_id")
NAMED = ("id", "code", "name", "status")
PLACED = ("country", "currency", "time_zone")
CHANGED = ("version", "updated_at")


class PortalAdmin(ConsoleAdmin):
    """Pages of portal's tenant tables."""

    db = db


class PortalPlatformAdmin(PlatformAdmin):
    """Pages of portal's tables that only the platform's operators see."""

    db = db


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


@admin.register(Device)
class DeviceAdmin(PortalAdmin):
    """Terminals."""

    kind = "dev"
    list_display = ("id", "name", "status", "model", "serial_number", "livemode", "activated_at", *WHERE)
    list_filter = ("status", "livemode", "created_at")
    search_fields = ("name", "serial_number")
    search_help_text = "a terminal's identifier, name or serial number"
    ordering = ("-id",)


@admin.register(DeviceStatusChange)
class DeviceStatusChangeAdmin(PortalAdmin):
    """Every step of terminals' lives."""

    references = {"device": "dev"}
    list_display = ("created_at", "device", "from_status", "to_status", "actor", "reason", *WHERE)
    list_filter = ("to_status", "created_at")
    search_fields = ("actor", "reason")
    search_help_text = "a terminal's identifier, who did it, or why"
    ordering = ("-id",)


@admin.register(ApiKey)
class ApiKeyAdmin(PortalAdmin):
    """Keys of PSPs' servers: what they begin with and may do, never the keys."""

    kind = "key"
    list_display = (
        "name",
        "prefix",
        "mode",
        "psp_id",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = ("mode", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "prefix")
    ordering = ("-id",)


@admin.register(User)
class UserAdmin(PortalAdmin):
    """People; a tenant's staff see only those who are members of it."""

    list_display = ("email", "full_name", "is_active", "last_login", "created_at")
    list_filter = ("is_active",)
    search_fields = ("email", "full_name")
    ordering = ("email",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        people: QuerySet[User] = super().get_queryset(request)
        if isinstance(console_scope(request), SystemScope):
            return people
        return people.filter(id__in=Membership.objects.values("user_id"))


@admin.register(Membership)
class MembershipAdmin(PortalAdmin):
    """Who may do what, and where."""

    list_display = ("user", "role", "created_at", *WHERE)
    list_select_related = ("user",)
    list_filter = ("role",)
    search_fields = ("user__email", "merchant_id__exact", "store_id__exact")
    ordering = ("-id",)


@admin.register(Authenticator)
class AuthenticatorAdmin(PortalPlatformAdmin):
    """Second factors; the shared secrets stay sealed."""

    list_display = ("user", "name", "confirmed", "throttling_failure_count", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    ordering = ("-id",)


@admin.register(SigningKey)
class SigningKeyAdmin(PortalPlatformAdmin):
    """What signs access tokens; the private parts stay sealed."""

    list_display = ("kid", "state", "created_at", "activates_at", "retires_at")
    list_filter = ("state",)
    ordering = ("-created_at",)


@admin.register(Revocation)
class RevocationAdmin(PortalPlatformAdmin):
    """Whose tokens are refused."""

    list_display = ("subject", "psp_id", "revoked_at", "lifted_at", "expires_at")
    search_fields = ("subject__exact",)
    ordering = ("-id",)


@admin.register(ClientAssertion)
class ClientAssertionAdmin(PortalPlatformAdmin):
    """Used assertions, without the identifiers that would replay them."""

    references = {"device_id": "dev"}
    list_display = ("created_at", "device_id", "expires_at", *WHERE)
    fields = ("device_id", "psp_id", "merchant_id", "store_id", "created_at", "expires_at")
    search_fields = ("store_id__exact",)
    search_help_text = "a terminal's identifier, or a store's"
    ordering = ("-id",)


register_plumbing(db, OutboxMessage, InboxEntry, IdempotencyKey, Nonce, JobRun)
