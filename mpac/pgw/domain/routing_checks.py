"""What is wrong with a proposed book of rules. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import available_timezones

from kernel.currencies import CURRENCIES
from mpac.pgw.domain.methods import PaymentMethodCode
from mpac.pgw.domain.routing import BASIS_POINTS, EVERY_DAY, Cost, Hours, Rule, RuleBook

MAX_RULES = 100
MAX_COSTS = 200
MAX_NAME = 80
WHOLE = 100
CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
METHODS = frozenset(code.value for code in PaymentMethodCode)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where in the document."""

    where: str
    what: str


def problems(book: RuleBook, *, providers: Collection[str]) -> list[Problem]:
    """Everything that is wrong with a book, given the providers that there are."""
    return [*_sizes(book), *_names(book.rules), *_rules(book, providers), *_costs(book.costs, providers)]


def _sizes(book: RuleBook) -> Iterator[Problem]:
    if len(book.rules) > MAX_RULES:
        yield Problem("rules", f"There may be {MAX_RULES} at most.")
    if len(book.costs) > MAX_COSTS:
        yield Problem("costs", f"There may be {MAX_COSTS} at most.")


def _names(rules: Sequence[Rule]) -> Iterator[Problem]:
    seen: set[str] = set()
    for position, rule in enumerate(rules):
        if not 0 < len(rule.name) <= MAX_NAME:
            yield Problem(f"rules[{position}].name", f"A name has 1 to {MAX_NAME} characters.")
        elif rule.name in seen:
            yield Problem(f"rules[{position}].name", f"There is another rule {rule.name!r}.")
        seen.add(rule.name)


def _rules(book: RuleBook, providers: Collection[str]) -> Iterator[Problem]:
    for position, rule in enumerate(book.rules):
        where = f"rules[{position}]"
        yield from _conditions(rule, where)
        yield from _hours(rule.hours, f"{where}.hours")
        yield from _split(rule, f"{where}.split")
        yield from _order(rule, book, where)
        yield from _known([share.provider for share in rule.split], f"{where}.split", providers)
        yield from _known(rule.providers, f"{where}.providers", providers)
        if _is_about_everything(rule) and position < len(book.rules) - 1:
            yield Problem(where, "It is about every payment, so that the rules after it are never reached.")


def _conditions(rule: Rule, where: str) -> Iterator[Problem]:
    for method in rule.methods:
        if method not in METHODS:
            yield Problem(f"{where}.methods", f"There is no method {method!r}.")
    for currency in rule.currencies:
        if currency not in CURRENCIES:
            yield Problem(f"{where}.currencies", f"{currency!r} is no currency's code.")
    has_range = rule.amount_from is not None or rule.amount_below is not None
    if has_range and len(rule.currencies) != 1:
        yield Problem(f"{where}.currencies", "A range of amounts needs exactly one currency.")
    if rule.amount_from is not None and rule.amount_from < 0:
        yield Problem(f"{where}.amount_from", "An amount is not negative.")
    if rule.amount_below is not None and rule.amount_below <= (rule.amount_from or 0):
        yield Problem(f"{where}.amount_below", "No amount lies in this range.")


def _hours(hours: Hours | None, where: str) -> Iterator[Problem]:
    if hours is None:
        return
    if hours.time_zone not in available_timezones():
        yield Problem(f"{where}.time_zone", f"There is no time zone {hours.time_zone!r}.")
    if not hours.days or not set(hours.days) <= set(EVERY_DAY):
        yield Problem(f"{where}.days", "Days are numbers from 1, Monday, to 7, Sunday.")
    if not CLOCK.fullmatch(hours.starts) or not CLOCK.fullmatch(hours.ends):
        yield Problem(where, "Times are hours and minutes, such as 09:30.")


def _split(rule: Rule, where: str) -> Iterator[Problem]:
    if not rule.split:
        return
    if any(share.percent < 1 for share in rule.split) or sum(s.percent for s in rule.split) != WHOLE:
        yield Problem(where, "Shares are whole percent above 0 and make 100 together.")


def _order(rule: Rule, book: RuleBook, where: str) -> Iterator[Problem]:
    named = [share.provider for share in rule.split]
    if len(set(named)) != len(named) or len(set(rule.providers)) != len(rule.providers):
        yield Problem(where, "A provider is named twice.")
    if not (rule.split or rule.providers or rule.cheapest):
        yield Problem(where, "It says nothing about the order: it has no split, no providers, and no cost.")
    if rule.only_listed and not (rule.split or rule.providers):
        yield Problem(f"{where}.only_listed", "No provider is listed.")
    if rule.cheapest and not book.costs:
        yield Problem(f"{where}.cheapest", "Nothing is known about costs.")


def _costs(costs: Sequence[Cost], providers: Collection[str]) -> Iterator[Problem]:
    for position, cost in enumerate(costs):
        where = f"costs[{position}]"
        yield from _known([cost.provider], f"{where}.provider", providers)
        if not 0 <= cost.basis_points <= BASIS_POINTS:
            yield Problem(f"{where}.basis_points", f"Basis points are from 0 to {BASIS_POINTS}.")
        if cost.fixed < 0:
            yield Problem(f"{where}.fixed", "An amount is not negative.")
        if cost.fixed and cost.currency is None:
            yield Problem(f"{where}.currency", "A fixed sum needs its currency.")
        if cost.currency is not None and cost.currency not in CURRENCIES:
            yield Problem(f"{where}.currency", f"{cost.currency!r} is no currency's code.")
        if cost.method is not None and cost.method not in METHODS:
            yield Problem(f"{where}.method", f"There is no method {cost.method!r}.")


def _known(named: Sequence[str], where: str, providers: Collection[str]) -> Iterator[Problem]:
    for provider in named:
        if provider not in providers:
            yield Problem(where, f"There is no provider {provider!r}.")


def _is_about_everything(rule: Rule) -> bool:
    conditions = (rule.methods, rule.currencies, rule.hours)
    return not any(conditions) and rule.amount_from is None and rule.amount_below is None
