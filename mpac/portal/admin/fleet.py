"""Terminals in the console."""

from django.contrib import admin

from mpac.portal.admin.base import WHERE, PortalAdmin
from mpac.portal.models import Device, DeviceStatusChange


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
