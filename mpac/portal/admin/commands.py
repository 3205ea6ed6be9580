"""Commands in the console: what terminals were told to do, how far it came, and telling them more."""

import datetime as dt
import json
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from kernel.admin import ListAction, Panel, Person, RowAction
from kernel.admin.columns import badge, tone
from kernel.errors import Forbidden
from kernel.tenancy import TenantScope
from mpac.portal.admin.base import WHERE, PortalAdmin
from mpac.portal.domain.commands import BatchStatus, CommandKind, CommandStatus
from mpac.portal.domain.places import Level
from mpac.portal.models import Command, CommandBatch, CommandStatusChange
from mpac.portal.selectors.commands import count_progress
from mpac.portal.selectors.places import get_place
from mpac.portal.services.command_batches import cancel_batch, send_batch
from mpac.portal.services.commands import Order, cancel_command, send_command

SEND = "commands:send"
TARGETS = [(level.value, level.value) for level in (Level.DEVICE, Level.GROUP, Level.STORE, Level.MERCHANT)]
KINDS = [(kind.value, kind.value.replace("_", " ")) for kind in CommandKind]


class OrderForm(forms.Form):
    """Who is to do what, until when, and why."""

    level = forms.ChoiceField(choices=TARGETS)
    owner = forms.CharField(
        max_length=64, help_text="a terminal's or group's identifier, a store's or merchant's number"
    )
    kind = forms.ChoiceField(choices=KINDS, label="Command")
    parameters = forms.CharField(
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "spellcheck": "false"}),
        help_text='JSON, such as {"text": "Closing at six"}; the usual ones when empty',
    )
    hours = forms.IntegerField(min_value=1, max_value=720, initial=24, help_text="until it is too late")
    reason = forms.CharField(max_length=500, help_text="why")

    def clean_parameters(self) -> dict[str, Any]:
        """The parameters that the text says."""
        try:
            found = json.loads(self.cleaned_data["parameters"] or "{}")
        except (ValueError, RecursionError):
            raise forms.ValidationError("This is no JSON.") from None
        if not isinstance(found, dict):
            raise forms.ValidationError("Parameters are named: {…}.")
        return found


def send(person: Person, now: dt.datetime, **answers: Any) -> str:
    """Tell a terminal, or all active ones of a place."""
    place = get_place(scope=person.scope, level=answers["level"], key=answers["owner"].strip())
    if not person.may(place):
        raise Forbidden
    order = Order(
        kind=CommandKind(answers["kind"]),
        parameters=answers["parameters"],
        expires_in_s=answers["hours"] * 3600,
        sent_by=person.name,
        reason=answers["reason"],
    )
    if place.device_id is not None:
        sent = send_command(scope=person.scope, device_id=place.device_id, order=order, now=now)
        return f"{sent.public_id} is on its way."
    batch = send_batch(scope=person.scope, place=place, order=order, now=now)
    return f"{batch.public_id} is on its way to all active terminals there."


def call_off(row: Command, actor: str, now: dt.datetime) -> str:
    """Call one off."""
    cancel_command(scope=TenantScope(row.psp_id), command_id=row.id, actor=actor, now=now)
    return "It is called off."


def call_batch_off(row: CommandBatch, _actor: str, now: dt.datetime) -> str:
    """Call many off."""
    cancel_batch(scope=TenantScope(row.psp_id), batch_id=row.id, now=now)
    return "No more terminals are told, and those that do not know of it yet will not."


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
    list_actions = (
        ListAction(
            name="send",
            words="Send a command",
            question="Who is to do what? A terminal fetches it within a minute, or when it is back.",
            permission=SEND,
            run=send,
            form=OrderForm,
        ),
    )
    row_actions = (
        RowAction(
            name="cancel",
            words="Call off",
            question="Its terminal does not know of it yet, and will not.",
            permission=SEND,
            run=call_off,
            fits=lambda row: row.status == CommandStatus.QUEUED,
        ),
    )

    def panels(self, request: HttpRequest, row: Command) -> list[Panel]:
        """The steps that it took."""
        steps = CommandStatusChange.objects.filter(psp_id=row.psp_id, command_id=row.id).order_by("pk")
        return [
            Panel(
                title="Steps",
                heads=("when", "from", "to", "by"),
                rows=[
                    (
                        f"{step.created_at:%Y-%m-%d %H:%M:%S} UTC",
                        step.from_status,
                        badge(step.to_status, tone_name=tone(step.to_status)),
                        step.actor,
                    )
                    for step in steps
                ],
            )
        ]


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
    row_actions = (
        RowAction(
            name="cancel",
            words="Call off",
            question="No more terminals are told, and those that do not know of it yet will not.",
            permission=SEND,
            run=call_batch_off,
            fits=lambda row: row.status != BatchStatus.CANCELLED,
        ),
    )

    def panels(self, request: HttpRequest, row: CommandBatch) -> list[Panel]:
        """How far its commands have come."""
        progress = count_progress(batch=row)
        return [
            Panel(
                title="Progress",
                heads=("state", "commands"),
                rows=[
                    (badge(status, tone_name=tone(status)), f"{count:,}")
                    for status, count in progress.items()
                    if count
                ],
                note="" if row.status != BatchStatus.EXPANDING else "More terminals are still to be told.",
            )
        ]


@admin.register(CommandStatusChange)
class CommandStatusChangeAdmin(PortalAdmin):
    """Every step of commands' lives."""

    references = {"command_id": "cmd"}
    list_display = ("created_at", "command_id", "from_status", "to_status", "actor", *WHERE)
    list_filter = ("to_status", "created_at")
    search_fields = ("actor__exact",)
    search_help_text = "a command's identifier, or who took the step"
    ordering = ("-id",)
