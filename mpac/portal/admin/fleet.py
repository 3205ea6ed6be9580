"""Terminals in the console."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html

from kernel import clock
from kernel.admin import Panel
from kernel.admin.columns import badge, moment
from mpac.portal import conf
from mpac.portal.admin.base import WHERE, PortalAdmin
from mpac.portal.admin.effective import HoldsSettings
from mpac.portal.admin.fleet_actions import list_actions, row_actions
from mpac.portal.admin.fleet_health import health_panels, position_of, said_in
from mpac.portal.domain.devices import DeviceStatus
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
    list_display = (
        *("id", "name", "status", "heard_of", "model", "serial_number", "livemode", "activated_at"),
        *WHERE,
    )
    list_filter = ("status", "livemode", "created_at")
    search_fields = ("name", "serial_number")
    search_help_text = "a terminal's identifier, name or serial number"
    list_select_related = ("report",)
    ordering = ("-id",)
    row_actions = row_actions()
    list_actions = list_actions()

    def list_panels(self, request: HttpRequest) -> list[Panel]:
        """The health of the viewer's fleet."""
        return [*super().list_panels(request), *health_panels(now=clock.now())]

    def heard_of(self, row: Device) -> Any:
        """Whether it is online, and when it was heard of last."""
        report = getattr(row, "report", None)
        if report is None:
            return "never"
        since = clock.now() - dt.timedelta(seconds=conf.ONLINE_WITHIN_S)
        is_on = row.status == DeviceStatus.ACTIVE and report.received_at > since
        words = badge("online" if is_on else "offline", tone_name="good" if is_on else "waiting")
        return format_html("{} {}", words, moment(report.received_at))

    def panels(self, request: HttpRequest, row: Device) -> list[Panel]:
        """What it said last, where it is, what is set for it."""
        report = getattr(row, "report", None)
        if report is None:
            return super().panels(request, row)
        last = Panel(
            title="What it said last",
            heads=("", "by its own word"),
            rows=[
                ("heard of", self.heard_of(row)),
                ("position", position_of(report.report)),
                ("clock", f"{report.clock_drift_ms or 0} ms off"),
                *said_in(report.report),
            ],
        )
        return [last, *super().panels(request, row)]


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
    list_filter = (("silent_since", admin.EmptyFieldListFilter),)
    search_fields = ("app_version", "store_id__exact")
    search_help_text = "a terminal's identifier, a version of the app or a store"
    ordering = ("-received_at",)

    def list_panels(self, request: HttpRequest) -> list[Panel]:
        """The health of the viewer's fleet."""
        return [*super().list_panels(request), *health_panels(now=clock.now())]


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
