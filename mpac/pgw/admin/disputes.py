"""Disputes: which, until when evidence is due, and how they went."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from kernel import clock
from kernel.admin import Panel
from kernel.admin.columns import badge, tone
from mpac.pgw.admin.base import WHERE, GatewayAdmin, ProviderFilter
from mpac.pgw.domain.disputes import DisputeStatus
from mpac.pgw.models import Dispute, DisputeEvent
from mpac.pgw.selectors.disputes import list_dispute_events

SOON = dt.timedelta(days=3)


@admin.register(Dispute)
class DisputeAdmin(GatewayAdmin):
    """Card payments that their payers' banks take back."""

    kind = "dis"
    references = {"intent": "pi", "attempt": "att"}
    attention = {"disputes that wait for evidence": {"status": "opened"}}
    list_display = (
        *(
            "id",
            "status",
            "amount_minor",
            "reason",
            "due",
            "evidence_due_at",
            "provider",
            "provider_reference",
        ),
        *("intent", "created_at", "closed_at", *WHERE),
    )
    list_filter = ("status", ProviderFilter, "livemode", "created_at")
    search_fields = ("provider_reference__exact",)
    search_help_text = "a dispute's or intent's identifier, or the provider's reference"
    ordering = ("-id",)

    @admin.display(description="evidence", ordering="evidence_due_at")
    def due(self, row: Dispute) -> Any:
        """How much time is left to send evidence, while the provider waits for it."""
        if row.status != DisputeStatus.OPENED or row.evidence_due_at is None:
            return ""
        left = row.evidence_due_at - clock.now()
        if left < dt.timedelta():
            return badge("overdue", tone_name="bad")
        words = f"due in {left.days} d" if left.days else f"due in {left.seconds // 3600} h"
        return badge(words, tone_name="bad" if left < SOON else "waiting")

    def panels(self, request: HttpRequest, row: Dispute) -> list[Panel]:
        """Its steps."""
        return [
            Panel(
                title="History",
                heads=("when (UTC)", "state", "who", "why"),
                rows=[
                    (
                        f"{each.created_at:%Y-%m-%d %H:%M:%S}",
                        badge(each.to_status, tone_name=tone(each.to_status)),
                        each.actor,
                        each.reason,
                    )
                    for each in list_dispute_events(row)
                ],
            )
        ]


@admin.register(DisputeEvent)
class DisputeEventAdmin(GatewayAdmin):
    """The steps of disputes."""

    references = {"dispute_id": "dis"}
    list_display = (
        *("created_at", "dispute_id", "sequence", "from_status", "to_status", "actor", "reason", *WHERE),
    )
    list_filter = ("created_at",)
    search_fields = ("actor__exact",)
    search_help_text = "a dispute's identifier, or how it was learned"
    ordering = ("-id",)
