"""What comparing a statement came to, in counts and sums that add up to what was read from the file."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from mpac.pgw.db import db
from mpac.pgw.errors import StatementDoesNotAddUp
from mpac.pgw.models import StatementFile
from mpac.pgw.services.statement_sql import SUMS

GROUP = ("kind", "currency", "settled_currency")
FIGURES = ("lines", "amount_minor", "fee_minor", "net_minor")


class Sums:
    """Movements and their amounts, added up by currency."""

    def __init__(self) -> None:
        self._movements: Counter[str] = Counter()
        self._minor: Counter[str] = Counter()

    def add(self, movements: Iterable[tuple[str, int | None]]) -> None:
        """Take in movements, each a currency and an amount as the merchant sees it."""
        for currency, minor in movements:
            self._movements[currency] += 1
            self._minor[currency] += minor or 0

    @property
    def count(self) -> int:
        """How many movements, of any currency."""
        return self._movements.total()

    def entries(self) -> list[dict[str, Any]]:
        """One entry a currency."""
        return [
            {"currency": currency, "movements": count, "amount_minor": self._minor[currency]}
            for currency, count in sorted(self._movements.items())
        ]


def make_report(file: StatementFile, *, missing: Sums, waiting: Sums) -> dict[str, Any]:
    """Counts and sums by what became of the lines, and of what the file does not tell. Runs in the caller's transaction.

    Raises StatementDoesNotAddUp when the stored lines are not what was read.
    """
    rows = db.execute(SUMS, [file.created_at, file.psp_id, file.merchant_id, file.pk])
    sums = [
        dict(zip(("outcome", *GROUP, *FIGURES), (*row[:4], *map(int, row[4:])), strict=True)) for row in rows
    ]
    if _added_up(sums) != _added_up(file.report["totals"]):
        raise StatementDoesNotAddUp
    outcomes: Counter[str] = Counter()
    for entry in sums:
        outcomes[entry["outcome"]] += entry["lines"]
    return {
        "outcomes": dict(outcomes),
        "sums": sums,
        "missing_in_provider": missing.count,
        "missing_sums": missing.entries(),
        "timing": waiting.count,
        "timing_sums": waiting.entries(),
    }


def _added_up(entries: Iterable[dict[str, Any]]) -> dict[tuple[str, ...], tuple[int, ...]]:
    """The figures of each kind and currency, whatever became of the lines."""
    found: dict[tuple[str, ...], tuple[int, ...]] = {}
    for entry in entries:
        group = tuple(entry[name] for name in GROUP)
        before = found.get(group, (0,) * len(FIGURES))
        found[group] = tuple(old + entry[name] for old, name in zip(before, FIGURES, strict=True))
    return found
