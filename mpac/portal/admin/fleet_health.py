"""The health of a fleet as panels of the console: figures, and pictures drawn without a script."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from kernel.admin import Panel
from kernel.admin.columns import badge
from mpac.portal.selectors.fleet_health import FleetHealth, get_fleet_health

WIDTH, BAR, GAP, LABEL, FIGURE = 360, 16, 6, 90, 50
GOOD, BAD, NEUTRAL = "#2e7d32", "#c62828", "#5472a8"


def health_panels(*, now: dt.datetime) -> list[Panel]:
    """How the terminals of the open transaction's scope are."""
    health = get_fleet_health(now=now)
    if not health.active:
        return []
    return [
        Panel(
            title="Health of the fleet",
            heads=("online", "what needs somebody", "versions of the app"),
            rows=[(_online(health), _needs(health), _versions(health))],
            note=f"{health.active} active terminals. Online: heard of within three minutes.",
        )
    ]


def bars(rows: Sequence[tuple[str, int, str]], *, of: int) -> SafeString:
    """Horizontal bars, each a share of `of`, with its name before it and its figure behind."""
    height = max(len(rows), 1) * (BAR + GAP)
    room = WIDTH - LABEL - FIGURE
    drawn = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="end" font-size="12" fill="currentColor">{}</text>'
        '<rect x="{}" y="{}" width="{}" height="{}" fill="{}"><title>{}: {}</title></rect>'
        '<text x="{}" y="{}" font-size="12" fill="currentColor">{}</text>',
        (
            (
                *(LABEL - 8, at + BAR - 4, name),
                *(LABEL, at, max(round(room * count / max(of, 1)), 1), BAR, color, name, count),
                *(LABEL + round(room * count / max(of, 1)) + 6, at + BAR - 4, count),
            )
            for at, (name, count, color) in zip(range(0, height, BAR + GAP), rows, strict=False)
        ),
    )
    return format_html(
        '<svg role="img" width="{}" height="{}" viewBox="0 0 {} {}">{}</svg>',
        WIDTH,
        height,
        WIDTH,
        height,
        drawn,
    )


def _online(health: FleetHealth) -> SafeString:
    return bars(
        [("online", health.online, GOOD), ("offline", health.offline, BAD)],
        of=health.active,
    )


def _needs(health: FleetHealth) -> SafeString:
    """Each kind of trouble with how many have it; nothing where all is well."""
    troubles = [
        ("silent", health.silent),
        ("battery low", health.low_battery),
        ("printer failing", health.printer_failing),
        ("clock wrong", health.clock_wrong),
        ("records not uploaded", health.unsent),
    ]
    return format_html_join(
        "",
        "{} {}<br>",
        ((badge(str(count), tone_name="bad" if count else "good"), words) for words, count in troubles),
    )


def _versions(health: FleetHealth) -> SafeString:
    rows = [(version, count, NEUTRAL) for version, count in health.versions]
    if health.others:
        rows.append(("others", health.others, NEUTRAL))
    return bars(rows, of=health.active) if rows else format_html("{}", "none said")


def position_of(report: dict[str, object]) -> str:
    """Where a terminal says it is, in figures: no map is asked, so nobody outside learns of it."""
    place = report.get("position")
    if not isinstance(place, dict):
        return "not said"
    within = f", within {place['accuracy_m']:.0f} m" if "accuracy_m" in place else ""
    return f"{place['latitude']:.5f}, {place['longitude']:.5f}{within}"


def said_in(report: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a report says, a line each: the version of the system is "os version"."""
    for name, value in report.items():
        words = name.replace("_", " ")
        if name == "position":
            continue
        if isinstance(value, Mapping):
            yield from ((f"{words} {part}", each) for part, each in said_in(value))
        else:
            yield words, ("yes" if value else "no") if isinstance(value, bool) else value
