"""The picture of a rollout: its terminals as one bar, with the waves as marks. Plain SVG, which needs no script."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from mpac.portal.domain.rollouts import BUCKETS, Health, Wave

WIDTH, HEIGHT, TOP = 600, 28, 4
COLORS = (
    ("installed", "#2e7d32"),
    ("installing", "#1565c0"),
    ("downloaded", "#90caf9"),
    ("failed", "#c62828"),
)


def named(name: str) -> SafeString:
    """What a part of the bar means, beside its color."""
    return format_html('<span class="swatch {}"></span>{}', name, name)


def draw_progress(health: Health, terminals: int, waves: Sequence[Wave], wave: int) -> SafeString:
    """How many of the terminals came how far. Marks stand where waves end; the present one is strong."""
    counts = [(name, getattr(health, name), color) for name, color in COLORS]
    whole = max(terminals, sum(count for _, count, _ in counts), 1)
    bars, at = [], 0.0
    for name, count, color in counts:
        width = WIDTH * count / whole
        bars.append((round(at, 1), TOP, round(width, 1), HEIGHT, color, name, count))
        at += width
    marks = [
        (x := round(WIDTH * each.basis_points / BUCKETS, 1), x, 3 if number == wave else 1, HEIGHT + 2 * TOP)
        for number, each in enumerate(waves)
    ]
    said = ", ".join(f"{count} {name}" for name, count, _ in counts)
    return format_html(
        '<svg role="img" aria-label="{} of {} terminals" viewBox="0 0 {} {}" width="{}" height="{}">'
        '<rect x="0" y="{}" width="{}" height="{}" fill="#8886"/>{}{}</svg>',
        said,
        terminals,
        *(WIDTH, HEIGHT + 2 * TOP) * 2,
        *(TOP, WIDTH, HEIGHT),
        format_html_join(
            "",
            '<rect x="{}" y="{}" width="{}" height="{}" fill="{}"><title>{}: {}</title></rect>',
            bars,
        ),
        format_html_join(
            "",
            '<line x1="{}" x2="{}" y1="0" stroke="currentColor" stroke-width="{}" y2="{}"/>',
            marks,
        ),
    )
