"""`manage.py db_health`: what PostgreSQL says about every context's tables, indexes, sessions and statements.

Exits 1 when there is an alarm or a database cannot be asked.
"""

import argparse
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand

from kernel import clock
from kernel.db import login_of
from kernel.dbhealth import Result, Row, examine_all

WIDEST = 60


class Command(BaseCommand):
    help = "Look for slow statements, dead rows, unused indexes, long transactions, locks and missing partitions."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--context", choices=list(settings.MPAC_CONTEXTS), help="one context; all by default"
        )
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = [options["context"]] if options["context"] else list(settings.MPAC_CONTEXTS)
        contexts = {name: settings.MPAC_CONTEXTS[name] for name in wanted}
        monitor = settings.MPAC_MONITOR_LOGIN
        logins = {name: monitor or login_of(alias) for name, alias in contexts.items()}
        found = examine_all(contexts, logins=logins)
        alarms = sum(
            1 if results is None else sum(each.alarms for each in results) for results in found.values()
        )
        if options["json"]:
            self.stdout.write(orjson.dumps(_plain(found, alarms=alarms), default=str).decode())
        else:
            for name, results in found.items():
                self._show(name, results)
            self.stdout.write(f"{alarms} alarms.")
        if alarms:
            raise SystemExit(1)

    def _show(self, name: str, results: list[Result] | None) -> None:
        self.stdout.write(f"== {name}")
        if results is None:
            self.stdout.write("ALARM  its database cannot be asked")
            return
        for result in results:
            is_finding = result.rows and not result.check.lists_all
            word = "ALARM" if result.alarms else "look" if is_finding else "ok"
            if result.rows or result.note:
                self.stdout.write(f"{word:6} {result.check.title}")
            for line in _table(result.rows):
                self.stdout.write(f"         {line}")
            if result.note:
                self.stdout.write(f"         {result.note}")
            if word != "ok":
                self.stdout.write(f"         -> {result.check.advice}")
        quiet = [each.check.title for each in results if not each.rows and not each.note]
        if quiet:
            self.stdout.write(f"ok     none: {'; '.join(quiet)}")


def _table(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    names = [name for name in rows[0] if name not in {"alarm", "bytes"}]
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    marks = [" ", *("!" if row["alarm"] else " " for row in rows)]
    return [
        f"{mark} " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for mark, line in zip(marks, cells, strict=True)
    ]


def _cell(value: object) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _plain(found: dict[str, list[Result] | None], *, alarms: int) -> dict[str, Any]:
    return {
        "checked_at": clock.rfc3339(clock.now()),
        "alarms": alarms,
        "found": {
            name: None
            if results is None
            else [
                {
                    "code": each.check.code,
                    "title": each.check.title,
                    "alarms": each.alarms,
                    "advice": each.check.advice,
                    "note": each.note,
                    "rows": each.rows,
                }
                for each in results
            ]
            for name, results in found.items()
        },
    }
