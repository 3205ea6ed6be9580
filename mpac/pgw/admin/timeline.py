"""The timeline of an intent as a table that leads to each of its rows."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.utils.html import format_html

from kernel.admin import Panel
from kernel.admin.columns import badge, tone
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
        rows=list(_rows(line.happenings, link)),
        note=f"More than {AT_MOST} of a kind: the lists above have them all." if line.is_cut else "",
    )


def _rows(happenings: Iterable[Happening], link: Link) -> Iterator[tuple[Any, ...]]:
    """The day stands where it begins; after that the time says enough."""
    day = None
    for each in happenings:
        shown = f"{each.at:%H:%M:%S}.{each.at.microsecond // 1000:03}"
        if each.at.date() != day:
            day = each.at.date()
            shown = f"{day.isoformat()} {shown}"
        exact = rfc3339(each.at)
        when = format_html('<time datetime="{}" title="{}">{}</time>', exact, exact, shown)
        state = badge(each.status, tone_name=tone(each.status)) if each.status else ""
        amount = format_html('<span class="money">{}</span>', each.amount.format()) if each.amount else ""
        yield when, each.what, state, amount, each.who, each.why, link(each.row)
