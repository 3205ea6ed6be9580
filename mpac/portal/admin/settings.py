"""Settings in the console."""

from django.contrib import admin

from mpac.portal.admin.base import WHERE, PortalAdmin
from mpac.portal.models import SettingChange, SettingValue

PINNED = ("level", *WHERE, "device_id")


@admin.register(SettingValue)
class SettingValueAdmin(PortalAdmin):
    """What is set, and where."""

    references = {"device_id": "dev"}
    list_display = ("name", "value", "is_set", "locked", "version", "set_by", "set_at", *PINNED)
    list_filter = ("level", "is_set", "locked")
    search_fields = ("name", "place__exact")
    search_help_text = "a setting's name, a terminal's identifier, or a place such as store:7"
    ordering = ("-id",)


@admin.register(SettingChange)
class SettingChangeAdmin(PortalAdmin):
    """Every version of every value."""

    kind = "stc"
    references = {"device_id": "dev"}
    list_display = ("created_at", "name", "value", "is_set", "locked", "version", "set_by", "reason", *PINNED)
    list_filter = ("level", "created_at")
    search_fields = ("name", "place__exact", "set_by__exact")
    search_help_text = "a setting's name, a terminal's identifier, a place such as store:7, or who did it"
    ordering = ("-id",)
