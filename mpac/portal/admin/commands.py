"""Commands in the console."""

from django.contrib import admin

from mpac.portal.admin.base import WHERE, PortalAdmin
from mpac.portal.models import Command, CommandBatch, CommandStatusChange


@admin.register(Command)
class CommandAdmin(PortalAdmin):
    """What terminals were told to do."""

    kind = "cmd"
    references = {"device_id": "dev", "batch_id": "cmb"}
    list_display = (
        *("id", "kind", "status", "device_id", "sent_by", "reason", "created_at", "expires_at"),
        *("finished_at", "batch_id", "livemode", *WHERE),
    )
    list_filter = ("status", "kind", "livemode", "created_at")
    search_fields = ("sent_by__exact", "store_id__exact")
    search_help_text = "a command's, batch's or terminal's identifier, a store, or who sent it"
    ordering = ("-id",)


@admin.register(CommandBatch)
class CommandBatchAdmin(PortalAdmin):
    """Commands for many terminals."""

    kind = "cmb"
    references = {"group_id": "dgr"}
    list_display = (
        *("id", "kind", "status", "reached", "sent_by", "reason", "created_at", "expires_at", "group_id"),
        *WHERE,
    )
    list_filter = ("status", "kind", "created_at")
    search_fields = ("sent_by__exact", "store_id__exact", "merchant_id__exact")
    search_help_text = "a batch's identifier, a store or merchant, or who sent it"
    ordering = ("-id",)


@admin.register(CommandStatusChange)
class CommandStatusChangeAdmin(PortalAdmin):
    """Every step of commands' lives."""

    references = {"command_id": "cmd"}
    list_display = ("created_at", "command_id", "from_status", "to_status", "actor", *WHERE)
    list_filter = ("to_status", "created_at")
    search_fields = ("actor__exact",)
    search_help_text = "a command's identifier, or who took the step"
    ordering = ("-id",)
