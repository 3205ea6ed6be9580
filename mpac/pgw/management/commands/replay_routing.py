"""`manage.py replay_routing --rules FILE --since 2026-11-01`: what proposed rules would have done with stored payments."""

import datetime as dt
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kernel import clock, ids
from kernel.money import Money
from kernel.tenancy import Scope, SystemScope, TenantScope
from mpac.pgw.domain.routing import RuleBook
from mpac.pgw.errors import RulesRefused
from mpac.pgw.services.routing_replay import Period, Report, Sum, replay
from mpac.pgw.services.rule_books import read_book

PERCENT = 100
HEADS = ("went", "would go", "payments", "amount", "of them paid", "cost", "would cost")


class Command(BaseCommand):
    """Reads only."""

    help = "Decide stored payments again by the rules in a file, and show what would have gone elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rules", type=Path, required=True, help="a JSON document of rules")
        parser.add_argument(
            "--since", type=_instant, required=True, help="a day or an instant, such as 2026-11-01"
        )
        parser.add_argument("--until", type=_instant, help="the same; now by default")
        parser.add_argument("--psp", type=int, help="one provider of payment services; all by default")
        parser.add_argument("--merchant", type=int, help="one merchant of it")
        parser.add_argument("--store", type=int, help="one store of the merchant")
        parser.add_argument("--examples", type=int, default=10, help="how many changed payments to name")

    def handle(self, *_args: Any, **options: Any) -> None:
        period = Period(
            since=options["since"], until=options["until"] or clock.now(), store_id=options["store"]
        )
        scope, book = _scope(options), _book(options["rules"])
        report = replay(
            scope=scope,
            book=book,
            period=period,
            examples=options["examples"],
            progress=lambda done, at: self._progress(done, at, period),
        )
        self._show(report)

    def _progress(self, done: int, at: dt.datetime, period: Period) -> None:
        share = (at - period.since) / (period.until - period.since)
        self.stderr.write(f"{done:>12,} payments, {share:6.1%} of the time, at {clock.rfc3339(at)}")

    def _show(self, report: Report) -> None:
        if not report.payments:
            self.stdout.write("No payment was routed in this time.")
            return
        share = report.changed / report.payments
        self.stdout.write(
            f"{report.payments:,} payments, {report.changed:,} ({share:.1%}) would have gone elsewhere."
        )
        self._table([HEADS, *(_row(way, found) for way, found in sorted(report.ways.items()))])
        rules = ", ".join(f"{rule or 'no rule'}: {count:,}" for rule, count in report.rules.most_common())
        self.stdout.write(f"By rule: {rules}.")
        for change in report.examples:
            self.stdout.write(
                f"  {ids.encode('pi', change.intent_id)}  {clock.rfc3339(change.at)}"
                f"  {change.went} -> {change.would_go}  ({change.rule or 'no rule'})"
            )

    def _table(self, rows: list[tuple[str, ...]]) -> None:
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [
                cell.ljust(width) if position < 2 else cell.rjust(width)  # noqa: PLR2004 - two columns of names
                for position, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.stdout.write("  ".join(cells).rstrip())


def _row(way: tuple[str, str, str], found: Sum) -> tuple[str, ...]:
    went, would_go, currency = way
    priced = found.payments - found.unpriced
    return (
        went,
        would_go if would_go != went else f"{would_go} (the same)",
        f"{found.payments:,}",
        Money(found.amount_minor, currency).format(),
        f"{found.taken * PERCENT / found.payments:.1f}%",
        Money(found.cost_minor, currency).format() if priced else "unknown",
        Money(found.proposed_minor, currency).format() if priced else "unknown",
    )


def _scope(options: dict[str, Any]) -> Scope:
    """As narrow as was asked for. Raises CommandError for a store without its merchant, or one without its PSP."""
    psp_id, merchant_id, store_id = options["psp"], options["merchant"], options["store"]
    if (merchant_id is not None and psp_id is None) or (store_id is not None and merchant_id is None):
        msg = "A merchant needs --psp, and a store needs --merchant."
        raise CommandError(msg)
    return SystemScope("replay") if psp_id is None else TenantScope(psp_id, merchant_id)


def _book(path: Path) -> RuleBook:
    try:
        return read_book(path.read_bytes())
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise CommandError(msg) from None
    except RulesRefused as refused:
        lines = [f"  {error.field}: {error.message}" for error in refused.errors]
        raise CommandError("\n".join(["The rules are not right:", *lines])) from None


def _instant(text: str) -> dt.datetime:
    """A day or an instant; UTC where nothing else is said. Raises ValueError."""
    found = dt.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
