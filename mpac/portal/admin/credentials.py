"""Keys, and who may no longer use them, in the console."""

from django.contrib import admin

from mpac.portal.admin.base import WHERE, PortalAdmin, PortalPlatformAdmin
from mpac.portal.models import ApiKey, ClientAssertion, Revocation, SigningKey


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
