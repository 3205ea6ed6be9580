"""What partners are told, where, and how that went. These are the partner's affairs: a merchant's staff see none of it."""

import datetime as dt

from django.contrib import admin
from django.http import HttpRequest

from kernel.admin import RowAction, find_console_scope
from kernel.tenancy import TenantScope
from mpac.pgw.admin.base import GatewayAdmin
from mpac.pgw.models import DeliveryAttempt, PartnerEvent, WebhookDelivery, WebhookEndpoint
from mpac.pgw.services.partner_events import resend_event

RESEND = "pgw.resend_webhooks"


class PartnerAdmin(GatewayAdmin):
    """Pages for the platform's operators and for a partner's own staff."""

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        scope = find_console_scope(request)
        narrow = isinstance(scope, TenantScope) and scope.merchant_id is not None
        return not narrow and super().has_view_permission(request, obj)


def _resend_to_all(row: PartnerEvent, _actor: str, now: dt.datetime) -> str:
    scope = TenantScope(row.psp_id)
    resend_event(scope=scope, event_id=row.pk, endpoint_id=None, now=now)
    return "The event is sent anew to every endpoint that wants it."


def _resend_to_one(row: WebhookDelivery, _actor: str, now: dt.datetime) -> str:
    scope = TenantScope(row.psp_id)
    resend_event(scope=scope, event_id=row.event_id, endpoint_id=row.endpoint_id, now=now)
    return "The event is sent anew to this endpoint."


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(PartnerAdmin):
    """Where partners want to be called; their secrets stay sealed."""

    kind = "we"
    attention = {
        "webhook endpoints that stopped answering": {"disabled_because": "failing"},
        "webhook endpoints that are gone": {"disabled_because": "gone"},
    }
    list_display = (
        *("id", "url", "status", "disabled_because", "failing_since", "livemode", "created_at", "psp_id"),
    )
    list_filter = ("status", "disabled_because", "livemode", "created_at")
    search_fields = ("url",)
    search_help_text = "an endpoint's identifier, or a part of its address"
    ordering = ("-id",)


@admin.register(PartnerEvent)
class PartnerEventAdmin(PartnerAdmin):
    """What partners are told."""

    kind = "evt"
    row_actions = (
        RowAction(
            name="resend",
            words="Send anew",
            question="Send this event once more to every endpoint of its partner that wants it?",
            permission=RESEND,
            run=_resend_to_all,
        ),
    )
    list_display = (
        *("id", "type", "object_id", "sequence", "livemode", "created_at"),
        *("psp_id", "merchant_id", "store_id"),
    )
    list_filter = ("livemode", "created_at")
    search_fields = ("object_id__exact",)
    search_help_text = "an event's identifier, or that of what it is about"
    ordering = ("-id",)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(PartnerAdmin):
    """Events on their way to endpoints."""

    kind = "wd"
    references = {"endpoint": "we", "event_id": "evt"}
    row_actions = (
        RowAction(
            name="resend",
            words="Send anew",
            question="Send this event once more to this endpoint?",
            permission=RESEND,
            run=_resend_to_one,
        ),
    )
    list_display = (
        *("id", "status", "event_type", "event_id", "endpoint", "tries", "next_try_at", "delivered_at"),
        *("last_status_code", "last_error", "livemode", "created_at", "psp_id"),
    )
    list_filter = ("status", "livemode", "created_at")
    search_fields = ("event_type__exact",)
    search_help_text = "a delivery's, event's or endpoint's identifier, or a type of event"
    ordering = ("-id",)


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(PartnerAdmin):
    """Calls to endpoints: what was sent and what came back, cut short and without secrets."""

    references = {"delivery_id": "wd", "endpoint_id": "we", "event_id": "evt"}
    list_display = (
        *("created_at", "number", "status_code", "error", "duration_ms", "url", "delivery_id", "event_id"),
        *("endpoint_id", "livemode", "psp_id"),
    )
    list_filter = ("livemode", "created_at")
    search_fields = ("error__exact",)
    search_help_text = "a delivery's, event's or endpoint's identifier, or an error"
    ordering = ("-id",)
