"""Settings in the console: what is set and was set, what holds where and why, and changing it."""

import datetime as dt
import json
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse

from kernel.admin import ConsoleSite, ListAction, Panel, Person, RowAction, console_scope
from kernel.errors import Forbidden, Invalid, NotFound
from kernel.tenancy import Scope, SystemScope, TenantScope
from mpac.portal.admin.base import WHERE, PortalAdmin
from mpac.portal.admin.effective import effective_panel
from mpac.portal.db import atomic
from mpac.portal.domain.places import Level, Place
from mpac.portal.domain.settings_registry import SETTINGS
from mpac.portal.models import SettingChange, SettingValue
from mpac.portal.models.setting import SettingRow
from mpac.portal.selectors.places import get_place
from mpac.portal.services import settings
from mpac.portal.services.settings import Change, Wanted

WRITE, LOCK = "settings:write", "settings:lock"
PINNED = ("level", *WHERE, "group_id", "device_id")
LEVELS = [(level.value, level.value) for level in Level]
NAMES = [(name, name) for name in SETTINGS]
OWNER_HELP = "a PSP's, merchant's or store's number, a group's or terminal's identifier; all for the platform"


class PlaceForm(forms.Form):
    """Where."""

    level = forms.ChoiceField(choices=LEVELS, initial=Level.STORE.value)
    owner = forms.CharField(max_length=64, help_text=OWNER_HELP)


class ValueForm(forms.Form):
    """What a setting is to be."""

    value = forms.CharField(
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "spellcheck": "false"}),
        help_text='JSON: 2, true, "en", ["cash", "qr_code"]',
    )
    reason = forms.CharField(max_length=500, required=False, help_text="why")

    def clean_value(self) -> Any:
        """The value that the text says."""
        try:
            return json.loads(self.cleaned_data["value"])
        except (ValueError, RecursionError):
            raise forms.ValidationError("This is no JSON; texts stand in quotation marks.") from None


class SetForm(PlaceForm, ValueForm):
    """What is to be set, and where."""

    name = forms.ChoiceField(choices=NAMES, label="Setting")
    only_count = forms.BooleanField(
        required=False,
        label="Only count",
        help_text="say how many terminals it would touch, and change nothing",
    )
    field_order = ("level", "owner", "name", "value", "reason", "only_count")


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(max_length=500, required=False, help_text="why")


def place_of(row: SettingRow) -> Place:
    """The place of a row."""
    return Place(
        level=Level(row.level),
        key="",
        psp_id=row.psp_id,
        merchant_id=row.merchant_id,
        store_id=row.store_id,
        group_id=row.group_id,
        device_id=row.device_id,
    )


def scope_of(row: SettingRow) -> Scope:
    """The scope of the tenant that a row is of."""
    return SystemScope("console") if row.psp_id is None else TenantScope(row.psp_id)


def set_anywhere(
    person: Person, now: dt.datetime, *, locked: bool, only_count: bool = False, **answers: Any
) -> str:
    """Set a value where the form says, or say what that would do."""
    place = get_place(scope=person.scope, level=answers["level"], key=answers["owner"].strip())
    if not person.may(place):
        raise Forbidden
    name, value = answers["name"], answers["value"]
    wanted = Wanted(value=settings.get_setting(name).fit(value), locked=locked)
    found = settings.preview_setting(scope=person.scope, place=place, name=name, wanted=wanted)
    reach = f"{found.reach.touched} of {found.reach.devices} terminals below"
    if only_count:
        lock = "" if found.locked_by is None else f" It is locked at the level {found.locked_by.level}."
        raise Invalid(f"Nothing is changed yet. It would touch {reach}.{lock}")
    version = settings.set_setting(
        scope=person.scope,
        place=place,
        name=name,
        value=value,
        locked=locked,
        change=Change(actor=person.name, reason=answers["reason"], may_lock=locked),
        now=now,
    )
    return f"{name} is set at {place.name}: version {version}, {reach} hold another value."


def set_value(person: Person, now: dt.datetime, **answers: Any) -> str:
    """Set a value that lower levels may override."""
    return set_anywhere(person, now, locked=False, **answers)


def lock_value(person: Person, now: dt.datetime, **answers: Any) -> str:
    """Set a value that lower levels may not override."""
    return set_anywhere(person, now, locked=True, **answers)


def edit(row: SettingValue, actor: str, now: dt.datetime, *, value: Any, reason: str) -> str:
    """Give an open setting another value where it is set."""
    version = settings.set_setting(
        scope=scope_of(row),
        place=place_of(row),
        name=row.name,
        value=value,
        locked=False,
        change=Change(actor=actor, reason=reason, expected_version=row.version),
        now=now,
    )
    return f"{row.name} is set: version {version}."


def switch_lock(row: SettingValue, actor: str, now: dt.datetime, *, reason: str) -> str:
    """Lock an open value, or unlock a locked one."""
    change = Change(actor=actor, reason=reason, expected_version=row.version, may_lock=True)
    version = settings.set_setting(
        scope=scope_of(row),
        place=place_of(row),
        name=row.name,
        value=row.value,
        locked=not row.locked,
        change=change,
        now=now,
    )
    return f"{row.name} is {'open' if row.locked else 'locked'}: version {version}."


def take_away(row: SettingValue, actor: str, now: dt.datetime, *, reason: str) -> str:
    """Let what is set above hold again."""
    change = Change(actor=actor, reason=reason, expected_version=row.version)
    settings.unset_setting(scope=scope_of(row), place=place_of(row), name=row.name, change=change, now=now)
    return f"{row.name} is taken away; what is set above holds again."


def roll_back(row: SettingChange, actor: str, now: dt.datetime, *, reason: str) -> str:
    """Bring a version back."""
    version = settings.roll_back_setting(
        scope=scope_of(row),
        place=place_of(row),
        name=row.name,
        version=row.version,
        change=Change(actor=actor, reason=reason or f"back to version {row.version}"),
        now=now,
    )
    return f"Version {row.version} of {row.name} holds again, as version {version}."


def is_secret(row: SettingRow) -> bool:
    """Whether a row's value is nobody's to see."""
    return row.name in SETTINGS and SETTINGS[row.name].secret


@admin.register(SettingValue)
class SettingValueAdmin(PortalAdmin):
    """What is set, and where."""

    references = {"device_id": "dev", "group_id": "dgr"}
    list_display = ("name", "value", "is_set", "locked", "version", "set_by", "set_at", *PINNED)
    list_filter = ("level", "is_set", "locked")
    search_fields = ("name", "place__exact")
    search_help_text = "a setting's name, a terminal's identifier, or a place such as store:7"
    ordering = ("-id",)
    list_actions = (
        ListAction(
            name="set",
            words="Set a value",
            question="It holds for all terminals below that have no value of their own closer to them.",
            permission=WRITE,
            run=set_value,
            form=SetForm,
        ),
        ListAction(
            name="set-locked",
            words="Set and lock a value",
            question="It holds for all terminals below, whatever is set closer to them.",
            permission=LOCK,
            run=lock_value,
            form=SetForm,
        ),
    )
    row_actions = (
        RowAction(
            name="edit",
            words="Change",
            question="What is it to be from now on?",
            permission=WRITE,
            run=edit,
            form=ValueForm,
            begin=lambda row, _now: {
                "value": "" if is_secret(row) else json.dumps(row.value, ensure_ascii=False)
            },
            fits=lambda row: row.is_set and not row.locked,
        ),
        RowAction(
            name="unset",
            words="Take away",
            question="What is set at the levels above holds again.",
            permission=WRITE,
            run=take_away,
            form=ReasonForm,
            fits=lambda row: row.is_set and not row.locked,
        ),
        RowAction(
            name="lock",
            words="Lock or unlock",
            question="A locked value makes void what is set at the levels below; an open one lets it hold again.",
            permission=LOCK,
            run=switch_lock,
            form=ReasonForm,
            fits=lambda row: row.is_set and not is_secret(row),
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        explore = path(
            "explore/", self.admin_site.admin_view(self.explore), name="portal_settingvalue_explore"
        )
        return [explore, *super().get_urls()]

    def offered_on_list(self, request: HttpRequest) -> list[tuple[str, str]]:
        """What may be done, and the way to the explorer."""
        explorer = ("Explore what holds where", reverse("admin:portal_settingvalue_explore"))
        return [explorer, *super().offered_on_list(request)]

    def explore(self, request: HttpRequest) -> HttpResponse:
        """Every setting as it holds at a place, with where each value comes from."""
        form = PlaceForm(request.GET or None)
        panels: list[Panel] = []
        if form.is_bound and form.is_valid():
            level, owner = form.cleaned_data["level"], form.cleaned_data["owner"].strip()
            try:
                panels = self._explained(request, level, owner)
            except NotFound:
                form.add_error("owner", "There is no such place, or it is not yours to see.")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "What holds where",
            "form": form,
            "panels": panels,
            "list_url": self.list_url(),
        }
        return render(request, "console/explore.html", context)

    def _explained(self, request: HttpRequest, level: str, owner: str) -> list[Panel]:
        scope = console_scope(request)
        link = cast("ConsoleSite", self.admin_site).link
        with atomic(scope):
            place = get_place(scope=scope, level=level, key=owner)
            return [effective_panel(request, place, link=link, all_of_them=True)]


@admin.register(SettingChange)
class SettingChangeAdmin(PortalAdmin):
    """Every version of every value."""

    kind = "stc"
    references = {"device_id": "dev", "group_id": "dgr"}
    list_display = ("created_at", "name", "value", "is_set", "locked", "version", "set_by", "reason", *PINNED)
    list_filter = ("level", "created_at")
    search_fields = ("name", "place__exact", "set_by__exact")
    search_help_text = "a setting's name, a terminal's identifier, a place such as store:7, or who did it"
    ordering = ("-id",)
    row_actions = (
        RowAction(
            name="roll-back",
            words="Bring this version back",
            question="The setting becomes again what it was then, as a new version.",
            permission=WRITE,
            run=roll_back,
            form=ReasonForm,
            fits=lambda row: not row.locked and not (is_secret(row) and row.is_set),
        ),
    )
