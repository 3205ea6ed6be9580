"""Portal in the console."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from kernel.admin import (
    ConsoleAdmin,
    IdempotencyKeyAdmin,
    InboxAdmin,
    JobRunAdmin,
    NonceAdmin,
    OutboxAdmin,
    PlatformAdmin,
    console_scope,
    public_id,
    register_plumbing,
    state,
)
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


class PortalAdmin(ConsoleAdmin):
    """Pages of portal's tenant tables."""

    db = db


class PortalPlatformAdmin(PlatformAdmin):
    """Pages of portal's tables that only the platform's operators see."""

    db = db


@admin.register(Psp)
class PspAdmin(PortalAdmin):
    list_display = ("id", "code", "name", state(), "country", "currency", "rate_limit_per_minute", "version")
    list_display_links = ("id", "code")
    list_filter = ("status", "country")
    search_fields = ("=id", "code", "name")
    ordering = ("-id",)


@admin.register(Merchant)
class MerchantAdmin(PortalAdmin):
    list_display = ("id", "code", "name", state(), "psp_id", "country", "currency", "time_zone", "version")
    list_display_links = ("id", "code")
    list_filter = ("status", "country")
    search_fields = ("=id", "code", "name")
    ordering = ("-id",)


@admin.register(Store)
class StoreAdmin(PortalAdmin):
    list_display = (
        "id",
        "code",
        "name",
        state(),
        "psp_id",
        "merchant_id",
        "currency",
        "time_zone",
        "version",
    )
    list_display_links = ("id", "code")
    list_filter = ("status", "country")
    search_fields = ("=id", "code", "name", "=merchant_id")
    ordering = ("-id",)


@admin.register(ProviderConfig)
class ProviderConfigAdmin(PortalAdmin):
    list_display = (
        "provider",
        "psp_id",
        "merchant_id",
        "store_id",
        "enabled",
        "livemode",
        "version",
        "updated_at",
    )
    list_filter = ("provider", "enabled", "livemode")
    search_fields = ("provider", "=merchant_id", "=store_id")
    ordering = ("-id",)


@admin.register(Device)
class DeviceAdmin(PortalAdmin):
    list_display = (
        public_id("dev"),
        "name",
        "model",
        "serial_number",
        state(),
        "psp_id",
        "merchant_id",
        "store_id",
        "livemode",
        "activated_at",
    )
    list_filter = ("status", "livemode", "model")
    search_fields = ("name", "serial_number", "=merchant_id", "=store_id")
    ordering = ("-id",)


@admin.register(DeviceStatusChange)
class DeviceStatusChangeAdmin(PortalAdmin):
    list_display = (
        "created_at",
        public_id("dev", "device_id"),
        state("from_status"),
        state("to_status"),
        "actor",
        "reason",
    )
    list_filter = ("to_status",)
    search_fields = ("actor", "reason")
    typeid_fields = ("device_id",)
    ordering = ("-id",)


@admin.register(ApiKey)
class ApiKeyAdmin(PortalAdmin):
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
    search_fields = ("name", "prefix", "=psp_id")
    ordering = ("-id",)


@admin.register(Membership)
class MembershipAdmin(PortalAdmin):
    list_display = ("user", "role", "psp_id", "merchant_id", "store_id", "created_at")
    list_select_related = ("user",)
    list_filter = ("role",)
    search_fields = ("user__email", "=merchant_id", "=store_id")
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


@admin.register(Authenticator)
class AuthenticatorAdmin(PortalPlatformAdmin):
    """Second factors; the shared secrets stay sealed."""

    list_display = ("user", "name", "confirmed", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    ordering = ("-id",)


@admin.register(SigningKey)
class SigningKeyAdmin(PortalPlatformAdmin):
    list_display = ("kid", state("state"), "created_at", "activates_at", "retires_at")
    list_filter = ("state",)
    ordering = ("-created_at",)


@admin.register(Revocation)
class RevocationAdmin(PortalPlatformAdmin):
    list_display = ("subject", "psp_id", "revoked_at", "lifted_at", "expires_at")
    search_fields = ("=subject",)
    ordering = ("-id",)


@admin.register(ClientAssertion)
class ClientAssertionAdmin(PortalPlatformAdmin):
    """Used assertions, without the identifiers that would replay them."""

    list_display = (public_id("dev", "device_id"), "merchant_id", "store_id", "created_at", "expires_at")
    fields = ("device_id", "psp_id", "merchant_id", "store_id", "created_at", "expires_at")
    search_fields = ("=merchant_id", "=store_id")
    typeid_fields = ("device_id",)
    ordering = ("-id",)


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
