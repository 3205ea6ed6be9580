"""Apps, releases and rollouts in the console."""

from django.contrib import admin

from mpac.portal.admin.base import WHERE, PortalAdmin
from mpac.portal.models import App, AppRelease, DeviceUpdate, Rollout


@admin.register(App)
class AppAdmin(PortalAdmin):
    """What terminals may run; those without a provider are the platform's, for all."""

    kind = "app"
    list_display = ("id", "name", "package", "version_code", "psp_id", "livemode", "updated_at")
    list_filter = ("livemode",)
    search_fields = ("name", "package")
    ordering = ("-id",)


@admin.register(AppRelease)
class AppReleaseAdmin(PortalAdmin):
    """Files, with what was proved about each."""

    kind = "rel"
    references = {"app": "app"}
    list_display = (
        *("id", "app", "version_code", "version_name", "min_sdk", "signature_scheme", "size_bytes"),
        *("created_at", "uploaded_by", "psp_id", "livemode"),
    )
    list_select_related = ("app",)
    list_filter = ("signature_scheme", "created_at")
    search_fields = ("app__package", "sha256__exact")
    ordering = ("-id",)


@admin.register(Rollout)
class RolloutAdmin(PortalAdmin):
    """Releases on their way."""

    kind = "rol"
    references = {"app": "app", "release": "rel"}
    list_display = (
        *("id", "app", "release", "channel", "status", "reason", "wave", "created_at", "created_by"),
        *("psp_id", "livemode"),
    )
    list_select_related = ("app", "release")
    list_filter = ("status", "channel", "created_at")
    search_fields = ("app__package",)
    ordering = ("-id",)


@admin.register(DeviceUpdate)
class DeviceUpdateAdmin(PortalAdmin):
    """How far terminals have come."""

    references = {"device_id": "dev", "rollout": "rol", "app": "app"}
    list_display = (
        *(
            "updated_at",
            "device_id",
            "rollout",
            "version_code",
            "status",
            "failure_code",
            "crashes",
            "is_current",
        ),
        *WHERE,
    )
    list_select_related = ("rollout", "app")
    list_filter = ("status", "is_current", "updated_at")
    search_fields = ("failure_code__exact",)
    search_help_text = "a terminal's or rollout's identifier, or why it failed"
    ordering = ("-id",)
