"""Who did what in the console."""

from django.contrib import admin

from mpac.pgw.admin.base import GatewayAdmin
from mpac.pgw.models import ConsoleEntry


@admin.register(ConsoleEntry)
class ConsoleEntryAdmin(GatewayAdmin):
    """Actions of people, each entered before it was done."""

    list_display = (
        *("created_at", "actor", "action", "subject_table", "subject_id", "status", "said", "finished_at"),
        *("psp_id", "merchant_id"),
    )
    list_filter = ("status", "created_at")
    search_fields = ("actor__exact", "action__exact", "subject_id__exact")
    search_help_text = "who did it, what was done, or the key of the row"
    ordering = ("-id",)
