"""What proposed rules would have done with the payments that were routed: the stored decisions, decided again."""

import datetime as dt
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kernel.tenancy import Scope
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.routing import Account, Bar, Charge, Cost, Decision, RuleBook, cost_of, decide

BATCH = 2000
NOBODY = "nobody"
# These the old rules laid on; the others are facts.
BY_RULES = frozenset({Bar.NOT_LISTED, Bar.BREAKER})
TAKEN = frozenset({"captured", "authorized"})
# The first decision of each try: a failover follows from what came of it.
READ = """
    SELECT d.id, d.created_at, d.intent_id, d.provider, d.method, d.currency, d.amount_minor, d.candidates, a.status
    FROM routing_decisions d
    LEFT JOIN payment_attempts a ON a.psp_id = d.psp_id AND a.merchant_id = d.merchant_id AND a.id = d.attempt_id
    WHERE NOT d.failover AND d.id > %(after)s AND d.created_at >= %(since)s AND d.created_at < %(until)s
      AND (%(store_id)s::int IS NULL OR d.store_id = %(store_id)s)
    ORDER BY d.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Which payments to look at: from `since` on and before `until`, of one store or of all in the scope."""

    since: dt.datetime
    until: dt.datetime
    store_id: int | None = None


@dataclass(slots=True)
class Sum:
    """Payments of one currency that went, or would go, one way."""

    payments: int = 0
    amount_minor: int = 0
    taken: int = 0  # how many of them were paid where they went
    cost_minor: int = 0  # what they cost there, as far as the proposed costs say
    proposed_minor: int = 0  # what they would cost
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One payment that would have gone elsewhere."""

    intent_id: uuid.UUID
    at: dt.datetime
    went: str
    would_go: str
    rule: str | None


@dataclass(slots=True)
class Report:
    """What was found: by where payments went, would go, and their currency."""

    payments: int = 0
    ways: dict[tuple[str, str, str], Sum] = field(default_factory=lambda: defaultdict(Sum))
    rules: Counter[str | None] = field(default_factory=Counter)
    examples: list[Change] = field(default_factory=list)

    @property
    def changed(self) -> int:
        """How many would have gone elsewhere."""
        return sum(found.payments for (went, would_go, _), found in self.ways.items() if went != would_go)


def replay(
    *,
    scope: Scope,
    book: RuleBook,
    period: Period,
    examples: int,
    progress: Callable[[int, dt.datetime], object],
) -> Report:
    """Decide every stored payment of the period anew by `book`. Changes nothing, and holds one batch in memory.

    `progress` hears after each batch how many payments were looked at, and the time of the last of them.
    """
    report = Report()
    for batch in _batches(scope, period):
        for row in batch:
            _compare(report, row, book, examples=examples)
        progress(report.payments, batch[-1][1])
    return report


def _batches(scope: Scope, period: Period) -> Iterator[list[tuple[Any, ...]]]:
    values = {
        "after": uuid.UUID(int=0),
        "since": period.since,
        "until": period.until,
        "store_id": period.store_id,
        "limit": BATCH,
    }
    while True:
        with atomic(scope):
            batch = db.execute(READ, values)
        if not batch:
            return
        yield batch
        values["after"] = batch[-1][0]


def _compare(report: Report, row: tuple[Any, ...], book: RuleBook, *, examples: int) -> None:
    _id, at, intent_id, went, method, currency, amount_minor, candidates, status = row
    charge = Charge(intent_id=intent_id, method=method, currency=currency, amount_minor=amount_minor, at=at)
    accounts = [_account(each) for each in msgspec.json.decode(candidates)]
    decision = decide(charge, accounts, book)
    would_go = decision.chosen or NOBODY
    report.payments += 1
    report.rules[decision.rule] += 1
    found = report.ways[went, would_go, currency]
    found.payments += 1
    found.amount_minor += amount_minor
    found.taken += status in TAKEN
    _price(found, book.costs, charge, went, decision)
    if went != would_go and len(report.examples) < examples:
        report.examples.append(Change(intent_id, at, went, would_go, decision.rule))


def _price(found: Sum, costs: tuple[Cost, ...], charge: Charge, went: str, decision: Decision) -> None:
    before = cost_of(costs, went, charge)
    after = cost_of(costs, decision.chosen, charge) if decision.chosen else None
    if before is None or after is None:
        found.unpriced += 1
    else:
        found.cost_minor += before
        found.proposed_minor += after


def _account(candidate: dict[str, Any]) -> Account:
    """An account as it was: what bars it by nature stays, what the rules of the day laid on does not."""
    barred = Bar(candidate["barred"]) if candidate["barred"] else None
    return Account(
        provider=candidate["provider"],
        barred=None if barred in BY_RULES else barred,
        resting=candidate["resting"],
    )
