"""What holds at a place and why, as the console shows it: on the pages of stores and terminals, and in the explorer."""

import json
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kernel import ids
from kernel.admin import ConsoleSite, Panel, console_scope
from kernel.admin.columns import badge, moment
from kernel.tenancy import SystemScope
from mpac.portal.admin.base import PortalAdmin
from mpac.portal.domain.places import Level, Place
from mpac.portal.domain.settings import Effective, Held
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.models.device_group import PREFIX as GROUP
from mpac.portal.selectors.places import get_place
from mpac.portal.selectors.settings import explain_place

Link = Callable[[str, Any], str]
KINDS = {
    Level.PSP: "psp",
    Level.MERCHANT: "merchant",
    Level.STORE: "store",
    Level.GROUP: GROUP,
    Level.DEVICE: DEVICE,
}
HEADS = ("setting", "value", "from", "set by", "set at", "void below the lock", "what it is")


def explorer_url(level: str, key: Any) -> str:
    """The page that explains every setting at a place."""
    return f"{reverse('admin:portal_settingvalue_explore')}?{urlencode({'level': level, 'owner': key})}"


class HoldsSettings(PortalAdmin):
    """The pages of what settings hold for: they tell what is set, and lead to the explorer."""

    level: ClassVar[Level]

    def panels(self, request: HttpRequest, row: Any) -> list[Panel]:
        """What is set for a row, beside everything else."""
        key = str(getattr(row, "public_id", row.pk))
        place = get_place(scope=console_scope(request), level=self.level, key=key)
        link = cast("ConsoleSite", self.admin_site).link
        return [
            *super().panels(request, row),
            effective_panel(request, place, link=link, all_of_them=False),
        ]


def effective_panel(request: HttpRequest, place: Place, *, link: Link, all_of_them: bool) -> Panel:
    """Every setting as it holds at a place, or those that somebody set; in the open transaction."""
    shows_operators = isinstance(console_scope(request), SystemScope)
    found = explain_place(place=place).values()
    return Panel(
        title="Settings that hold here",
        heads=HEADS,
        rows=[
            _row(each, link=link, shows_operators=shows_operators)
            for each in found
            if all_of_them or each.source is not None
        ],
        note=""
        if all_of_them
        else format_html(
            'Everything else is as the default has it. <a href="{}">Explain all</a>',
            explorer_url(place.level, place.key),
        ),
    )


def shown(effective: Effective) -> str:
    """A value in a cell; a secret is not shown."""
    if effective.setting.secret:
        return "" if effective.source is None else "(secret)"
    return json.dumps(effective.value, ensure_ascii=False)


def _row(each: Effective, *, link: Link, shows_operators: bool) -> tuple[Any, ...]:
    held, name = each.source, format_html('<span class="id">{}</span>', each.setting.name)
    if held is None:
        return (
            name,
            shown(each),
            badge("default", tone_name="neutral"),
            "",
            "",
            "",
            each.setting.meaning,
        )
    by = held.set_by if shows_operators or held.level != Level.PLATFORM else "platform"
    where = _where(held, link=link)
    return (
        name,
        shown(each),
        format_html("{} {}", where, badge("locked", tone_name="waiting")) if held.locked else where,
        by,
        moment(held.set_at),
        ", ".join(void.level for void in each.overridden),
        each.setting.meaning,
    )


def _where(held: Held, *, link: Link) -> SafeString | str:
    """The level of a value, with the way to whose it is."""
    key = held.place.partition(":")[2]
    if held.level not in KINDS:
        return held.level
    prefix = KINDS[Level(held.level)]
    is_uuid = held.level in {Level.GROUP, Level.DEVICE}
    name = ids.encode(prefix, uuid.UUID(key)) if is_uuid else key
    address = link(prefix, name if is_uuid else int(key))
    if not address:
        return f"{held.level} {name}"
    return format_html('{} <a class="id" href="{}">{}</a>', held.level, address, name)
