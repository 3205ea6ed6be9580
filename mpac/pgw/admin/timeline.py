"""The timeline of an intent as a table that leads to each of its rows."""

from collections.abc import Callable
from typing import Any

from django.utils.html import format_html

from kernel.admin import Panel
from kernel.admin.columns import EMPTY, badge, tone
from kernel.clock import rfc3339
from mpac.pgw.models import PaymentIntent
from mpac.pgw.selectors.timeline import AT_MOST, Happening, read_timeline

Link = Callable[[Any], Any]


def timeline_panel(intent: PaymentIntent, *, with_partner: bool, link: Link) -> Panel:
    """Everything about an intent, the first thing first; `link` leads to a row's page."""
    line = read_timeline(intent, with_partner=with_partner)
    return Panel(
        title="Timeline",
        heads=("when (UTC)", "what", "state", "amount", "who", "why", "row"),
        rows=[_row(each, link) for each in line.happenings],
        note=f"More than {AT_MOST} of a kind: the lists above have them all." if line.is_cut else "",
    )


def _row(each: Happening, link: Link) -> tuple[Any, ...]:
    when = format_html(
        '<time datetime="{}" class="when">{}</time>',
        rfc3339(each.at),
        f"{each.at:%Y-%m-%d %H:%M:%S}.{each.at.microsecond // 1000:03}",
    )
    state = badge(each.status, tone_name=tone(each.status)) if each.status else ""
    amount = format_html('<span class="money">{}</span>', each.amount.format()) if each.amount else ""
    return when, each.what, state, amount, each.who or EMPTY, each.why, link(each.row)
