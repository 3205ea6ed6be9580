"""Providers' notices: as they came, what they say, how far they came, and applying them once more."""

import datetime as dt

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from kernel.admin import ListAction, Panel, Person, RowAction, raw
from kernel.admin.columns import badge, tone
from kernel.scrubbing import scrub
from mpac.pgw.admin.base import GatewayAdmin, ProviderFilter, provider_names, scope_of
from mpac.pgw.domain.webhooks import WebhookStatus
from mpac.pgw.models import WebhookEvent, WebhookKey
from mpac.pgw.services.notice_replay import NoticeRange, replay_notice, replay_range

READ = "pgw.read_notices"
REPLAY = "pgw.replay_notices"
DELIVERIES_SHOWN = 20


def any_provider() -> list[tuple[str, str]]:
    """Every provider, or all of them."""
    return [("", "any"), *provider_names()]


class RangeForm(forms.Form):
    """Which notices to apply once more."""

    since = forms.DateTimeField(help_text="UTC, such as 2026-11-21 10:00; from this instant on")
    until = forms.DateTimeField(help_text="UTC; up to, but without, this instant")
    statuses = forms.MultipleChoiceField(
        label="States",
        choices=[(str(each), str(each)) for each in WebhookStatus],
        initial=[str(WebhookStatus.PARKED), str(WebhookStatus.UNCONFIRMED)],
        widget=forms.CheckboxSelectMultiple,
    )
    provider = forms.ChoiceField(required=False, choices=any_provider)
    account = forms.CharField(required=False, max_length=64, help_text="any when empty")


def apply_again(row: WebhookKey, _actor: str, now: dt.datetime) -> str:
    """Apply one notice once more."""
    key = replay_notice(scope=scope_of(row), key_id=row.pk, now=now)
    if key.next_try_at is None and key.status == WebhookStatus.APPLIED:
        return "The notice is applied."
    return f"It could not be applied yet ({key.last_error or 'see the log'}); it is tried again."


def apply_range_again(
    person: Person,
    now: dt.datetime,
    *,
    since: dt.datetime,
    until: dt.datetime,
    statuses: list[str],
    provider: str,
    account: str,
) -> str:
    """Apply a range of notices once more."""
    states = [WebhookStatus(each) for each in statuses]
    wanted = NoticeRange(since=since, until=until, statuses=states, provider=provider, account=account)
    count = replay_range(scope=person.scope, wanted=wanted, may=person.may, now=now)
    return f"To be applied once more within seconds: {count}."


@admin.register(WebhookKey)
class WebhookKeyAdmin(GatewayAdmin):
    """Notices of providers, each once, and how far they came."""

    attention = {"notices about nothing that we know": {"status": "parked"}}
    row_actions = (
        RowAction(
            name="replay",
            words="Apply again",
            question="What the notice says is asked for and stored once more. What is counted already does not count twice.",
            permission=REPLAY,
            run=apply_again,
        ),
    )
    list_actions = (
        ListAction(
            name="replay-range",
            words="Apply a range again",
            question="What these notices say is asked for and stored once more. What is counted already does not count twice.",
            permission=REPLAY,
            run=apply_range_again,
            form=RangeForm,
        ),
    )
    list_display = (
        *("created_at", "status", "provider", "account", "provider_key", "provider_reference", "deliveries"),
        *("tries", "next_try_at", "last_error", "psp_id", "merchant_id"),
    )
    list_filter = ("status", ProviderFilter, "created_at")
    search_fields = (
        "provider_key__exact",
        "provider_reference__exact",
        "operation_key__exact",
        "account__exact",
    )
    search_help_text = "our key at the provider, the provider's reference, or the account that was called"
    ordering = ("-id",)

    def panels(self, request: HttpRequest, row: WebhookKey) -> list[Panel]:
        """Its deliveries, and the first of them as it came."""
        named = {"provider": row.provider, "account": row.account, "dedupe_key": row.dedupe_key}
        events = list(WebhookEvent.objects.filter(**named).order_by("pk")[:DELIVERIES_SHOWN])
        more = row.deliveries - len(events)
        deliveries = Panel(
            title="Deliveries",
            heads=("when", "from", "bytes", "row"),
            rows=[
                (
                    f"{event.created_at:%Y-%m-%d %H:%M:%S.%f} UTC",
                    event.remote_address,
                    f"{len(event.body):,}",
                    self.to_row(WebhookEvent, event.pk),
                )
                for event in events
            ],
            note=f"{more} more, or kept no longer" if more > 0 else "",
        )
        return [deliveries, *(as_it_came(request, events[0]) if events else [])]


@admin.register(WebhookEvent)
class WebhookEventAdmin(GatewayAdmin):
    """Deliveries as they came."""

    list_display = (
        *("created_at", "provider", "account", "dedupe_key", "remote_address", "psp_id", "merchant_id"),
    )
    list_filter = (ProviderFilter, "created_at")
    search_fields = ("dedupe_key__exact",)
    ordering = ("-id",)

    def panels(self, request: HttpRequest, row: WebhookEvent) -> list[Panel]:
        """The delivery as it came, and the notice that it made or repeated."""
        named = {"provider": row.provider, "account": row.account, "dedupe_key": row.dedupe_key}
        keys = WebhookKey.objects.filter(**named)
        notice = Panel(
            title="Notice",
            heads=("state", "about", "row"),
            rows=[
                (
                    badge(key.status, tone_name=tone(key.status)),
                    key.provider_reference,
                    self.to_row(WebhookKey, key.pk),
                )
                for key in keys
            ],
        )
        return [notice, *as_it_came(request, row)]


def as_it_came(request: HttpRequest, event: WebhookEvent) -> list[Panel]:
    """Headers, bytes, and what they say, for those who may read them: payers' names can stand there."""
    if not request.user.has_perm(READ, event):
        return []
    body = bytes(event.body)
    text, note = raw.shown(body)
    panels = [
        Panel(
            title="Headers",
            heads=("name", "value"),
            rows=sorted(scrub(dict(event.headers)).items()),
        ),
        Panel(title="Bytes as they came", text=text or "(none)", note=note),
    ]
    if said := raw.read(body):
        panels.append(Panel(title="What they say", text=said))
    return panels
