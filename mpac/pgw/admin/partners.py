"""What partners are told, where, and how that went. These are the partner's affairs: a merchant's staff see none of it."""

import datetime as dt

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from kernel.admin import Panel, RowAction
from kernel.admin.columns import badge, tone
from kernel.tenancy import TenantScope
from mpac.pgw.admin.base import GatewayAdmin, is_narrowed_to_merchant
from mpac.pgw.domain.partner_webhooks import EndpointStatus
from mpac.pgw.models import DeliveryAttempt, PartnerEvent, WebhookDelivery, WebhookEndpoint
from mpac.pgw.services.partner_events import resend_event, resend_range
from mpac.pgw.services.webhook_endpoints import EndpointChanges, change_endpoint

RESEND = "pgw.resend_webhooks"
SWITCH = "pgw.switch_endpoints"
CALLS_SHOWN = 50


class PartnerAdmin(GatewayAdmin):
    """Pages for the platform's operators and for a partner's own staff."""

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return not is_narrowed_to_merchant(request) and super().has_view_permission(request, obj)


class RangeForm(forms.Form):
    """Which time to send anew."""

    since = forms.DateTimeField(help_text="UTC, such as 2026-11-21 10:00; from this instant on")
    until = forms.DateTimeField(help_text="UTC; up to, but without, this instant")


def _resend_to_all(row: PartnerEvent, _actor: str, now: dt.datetime) -> str:
    scope = TenantScope(row.psp_id)
    resend_event(scope=scope, event_id=row.pk, endpoint_id=None, now=now)
    return "The event is sent anew to every endpoint that wants it."


def _resend_to_one(row: WebhookDelivery, _actor: str, now: dt.datetime) -> str:
    scope = TenantScope(row.psp_id)
    resend_event(scope=scope, event_id=row.event_id, endpoint_id=row.endpoint_id, now=now)
    return "The event is sent anew to this endpoint."


def _resend_range(
    row: WebhookEndpoint, _actor: str, now: dt.datetime, *, since: dt.datetime, until: dt.datetime
) -> str:
    count = resend_range(
        scope=TenantScope(row.psp_id),
        endpoint_id=row.pk,
        created_from=since,
        created_before=until,
        now=now,
    )
    return f"Events sent anew to this endpoint: {count}."


def _enable(row: WebhookEndpoint, _actor: str, now: dt.datetime) -> str:
    _switch(row, enabled=True, now=now)
    return "Events from now on are sent to it. What it missed is sent by “Send a time anew”."


def _disable(row: WebhookEndpoint, _actor: str, now: dt.datetime) -> str:
    _switch(row, enabled=False, now=now)
    return "Nothing more is sent to it."


def _switch(row: WebhookEndpoint, *, enabled: bool, now: dt.datetime) -> None:
    changes = EndpointChanges(enabled=enabled)
    change_endpoint(scope=TenantScope(row.psp_id), endpoint_id=row.pk, changes=changes, now=now)


def _is_enabled(row: WebhookEndpoint) -> bool:
    return bool(row.status == EndpointStatus.ENABLED)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(PartnerAdmin):
    """Where partners want to be called; their secrets stay sealed."""

    kind = "we"
    attention = {
        "webhook endpoints that stopped answering": {"disabled_because": "failing"},
        "webhook endpoints that are gone": {"disabled_because": "gone"},
    }
    row_actions = (
        RowAction(
            name="resend-range",
            words="Send a time anew",
            question="Every event of this time that its filter lets through is sent to it once more, delivered or not.",
            permission=RESEND,
            run=_resend_range,
            form=RangeForm,
            fits=_is_enabled,
        ),
        RowAction(
            name="enable",
            words="Enable",
            question="Its partner has mended it, and events may be sent to it again?",
            permission=SWITCH,
            run=_enable,
            fits=lambda row: not _is_enabled(row),
        ),
        RowAction(
            name="disable",
            words="Disable",
            question="Nothing more is sent to it until somebody enables it.",
            permission=SWITCH,
            run=_disable,
            fits=_is_enabled,
        ),
    )
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
    search_fields = ("object_id__exact", "type__exact")
    search_help_text = "an event's identifier, that of what it is about, or a type of event"
    ordering = ("-id",)

    def panels(self, request: HttpRequest, row: PartnerEvent) -> list[Panel]:
        """Where it was sent, and how that went."""
        found = WebhookDelivery.objects.filter(psp_id=row.psp_id, event_id=row.pk).select_related("endpoint")
        return [
            Panel(
                title="Deliveries",
                heads=("delivery", "state", "endpoint", "tries", "last answer"),
                rows=[
                    (
                        self.named("wd", each.pk),
                        badge(each.status, tone_name=tone(each.status)),
                        each.endpoint.url,
                        each.tries,
                        _answer(each.last_status_code, each.last_error),
                    )
                    for each in found[:CALLS_SHOWN]
                ],
            )
        ]


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

    def panels(self, request: HttpRequest, row: WebhookDelivery) -> list[Panel]:
        """Its calls, and what was sent and answered in the last one."""
        calls: QuerySet[DeliveryAttempt] = DeliveryAttempt.objects.filter(
            psp_id=row.psp_id, delivery_id=row.pk
        )
        latest = list(calls.order_by("-pk")[:CALLS_SHOWN])
        log = Panel(
            title="Calls",
            heads=("when (UTC)", "number", "answer", "took", "to", "call"),
            rows=[
                (
                    f"{each.created_at:%Y-%m-%d %H:%M:%S}",
                    each.number,
                    _answer(each.status_code, each.error),
                    f"{each.duration_ms} ms",
                    each.remote_address,
                    self.to_row(DeliveryAttempt, each.pk),
                )
                for each in latest
            ],
        )
        return [log, *(_exchange(latest[0]) if latest else [])]


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
    in_panels = ("request_headers", "request_body", "response_headers", "response_body")

    def panels(self, request: HttpRequest, row: DeliveryAttempt) -> list[Panel]:
        """What was sent, and what came back."""
        return _exchange(row)


def _exchange(call: DeliveryAttempt) -> list[Panel]:
    """A call as it is kept: cut short, and without secrets."""
    answer = _answer(call.status_code, call.error)
    return [
        Panel(title=f"Sent: POST {call.url}", heads=("header", "value"), rows=_headers(call.request_headers)),
        Panel(title="Body sent", text=call.request_body or "(none)"),
        Panel(title=f"Answered: {answer}", heads=("header", "value"), rows=_headers(call.response_headers)),
        Panel(title="Body answered", text=call.response_body or "(none)"),
    ]


def _headers(headers: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(headers.items())


def _answer(status_code: int | None, error: str) -> str:
    return " ".join(filter(None, [str(status_code or ""), error.replace("_", " ")])) or "none yet"
