"""Terminals in the console."""

from django.contrib import admin

from mpac.portal.admin.base import WHERE, PortalAdmin
from mpac.portal.admin.effective import HoldsSettings
from mpac.portal.domain.places import Level
from mpac.portal.models import (
    Device,
    DeviceGroup,
    DeviceGroupMember,
    DeviceImport,
    DeviceKill,
    DeviceReport,
    DeviceReportSample,
    DeviceStatusChange,
    Preregistration,
)


@admin.register(Device)
class DeviceAdmin(HoldsSettings):
    """Terminals."""

    kind = "dev"
    level = Level.DEVICE
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


@admin.register(DeviceReport)
class DeviceReportAdmin(PortalAdmin):
    """What terminals said last."""

    references = {"device": "dev"}
    list_display = (
        *("device", "received_at", "app_version", "os_version", "battery_percent", "is_charging"),
        *("printer", "network", "unsent_records", "clock_drift_ms", "silent_since"),
        *WHERE,
    )
    list_filter = ("printer", "network", ("silent_since", admin.EmptyFieldListFilter))
    search_fields = ("app_version", "store_id__exact")
    search_help_text = "a terminal's identifier, a version of the app or a store"
    ordering = ("-received_at",)


@admin.register(DeviceReportSample)
class DeviceReportSampleAdmin(PortalAdmin):
    """What terminals said earlier."""

    references = {"device_id": "dev"}
    list_display = ("created_at", "device_id", *WHERE)
    search_fields = ("store_id__exact",)
    search_help_text = "a terminal's identifier, or a store's"
    ordering = ("-id",)


@admin.register(DeviceGroup)
class DeviceGroupAdmin(HoldsSettings):
    """Groups of terminals."""

    kind = "dgr"
    level = Level.GROUP
    list_display = ("name", "psp_id", "merchant_id", "selector", "livemode", "created_at")
    search_fields = ("name",)
    ordering = ("-id",)


@admin.register(DeviceGroupMember)
class DeviceGroupMemberAdmin(PortalAdmin):
    """Who was put into a group."""

    references = {"device": "dev", "group": "dgr"}
    list_display = ("created_at", "group", "device", *WHERE)
    list_select_related = ("group", "device")
    search_fields = ("store_id__exact",)
    search_help_text = "a group's or terminal's identifier, or a store's"
    ordering = ("-id",)


@admin.register(Preregistration)
class PreregistrationAdmin(PortalAdmin):
    """Terminals that a vendor has delivered and that stand in no store yet."""

    list_display = ("serial_number", "model", "status", "livemode", "activated_at", "psp_id", "merchant_id")
    list_filter = ("status", "livemode")
    search_fields = ("serial_number",)
    ordering = ("-id",)


@admin.register(DeviceImport)
class DeviceImportAdmin(PortalAdmin):
    """Lists of terminals that were taken in."""

    kind = "dim"
    list_display = (
        *("created_at", "status", "rows_done", "rows_total", "rows_refused", "created_by", "livemode"),
        *WHERE,
    )
    list_filter = ("status", "livemode")
    search_fields = ("created_by",)
    ordering = ("-id",)


@admin.register(DeviceKill)
class DeviceKillAdmin(PortalAdmin):
    """Terminals that were shut out because they are in wrong hands."""

    references = {"device": "dev"}
    list_display = ("created_at", "device", "actor", "reason", "unsent_records", "last_sequence", *WHERE)
    list_select_related = ("device",)
    search_fields = ("actor", "reason")
    search_help_text = "a terminal's identifier, who did it, or why"
    ordering = ("-id",)
