"""Which of a store's accounts takes a payment: candidates, what bars them, their order, and why. Pure.

A book of rules is tried from its first rule to its last; the first that fits orders the accounts. Without one they stand
in the order of their names. An account that cannot take the payment is barred by a fact; one whose breaker is open
stands behind all others and is only called when nothing else is left, unless the book says that it never is.
"""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
BASIS_POINTS = 10_000


class Bar(StrEnum):
    """Why an account cannot take a payment, whatever the rules say."""

    OTHER_PROVIDER_WANTED = "other_provider_wanted"
    TRIED = "tried"  # an attempt there has provably not happened
    METHOD = "method_not_supported"
    CURRENCY = "currency_not_supported"
    AMOUNT = "amount_above_limit"
    CAPTURE = "capture_not_supported"
    TOKEN = "payment_token_required"  # noqa: S105 - there is none of this provider, which charges by them alone
    BUSY = "busy"  # as many calls are under way as the account may have
    # By the rules.
    NOT_LISTED = "not_listed"
    BREAKER = "breaker_open"


class Place(StrEnum):
    """Why a candidate stands where it stands."""

    SHARE = "share"  # the split points to it
    LISTED = "listed"  # by the rule's priority
    COST = "cost"  # by what it costs
    NAME = "name"  # nothing else was said
    LAST_RESORT = "last_resort"  # its breaker is open, and nothing else is left


class AllResting(StrEnum):
    """What to do when the breakers of all that could take a payment are open."""

    TRY = "try"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When a rule holds, from minute to minute, such as "11:00" to "14:30" of days from 1, Monday, to 7, Sunday.

    A window that ends before it starts, or where it starts, goes on after midnight; `days` are those it starts on.
    """

    time_zone: str
    starts: str = "00:00"
    ends: str = "00:00"
    days: tuple[int, ...] = EVERY_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A provider's part of the payments that a rule is about."""

    provider: str
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a provider takes: a part of the amount and a fixed sum. Empty sides hold for all."""

    provider: str
    basis_points: int = 0
    fixed: int = 0
    currency: str | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What it is about, and the order it gives: a split first, then the listed providers, then cost, then names."""

    name: str
    methods: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    amount_from: int | None = None
    amount_below: int | None = None
    hours: Hours | None = None
    split: tuple[Share, ...] = ()
    providers: tuple[str, ...] = ()
    cheapest: bool = False
    only_listed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """A store's or merchant's rules, in their order, and what providers cost it."""

    rules: tuple[Rule, ...] = ()
    costs: tuple[Cost, ...] = ()
    all_resting: AllResting = AllResting.TRY


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """The payment to be routed."""

    intent_id: uuid.UUID
    method: str
    currency: str
    amount_minor: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One of the store's accounts: what bars it, if anything, and whether its breaker is open."""

    provider: str
    barred: Bar | None = None
    resting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An account as the decision sees it."""

    provider: str
    barred: Bar | None = None
    place: Place | None = None
    resting: bool = False
    cost_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The candidates in their order, the barred ones at the end, and the rule that gave the order."""

    candidates: tuple[Candidate, ...] = ()
    rule: str | None = None
    point: int | None = None  # where the split puts this payment, from 0 to 99

    @property
    def chosen(self) -> str | None:
        """The provider to call, or None when nobody can take the payment."""
        first = next(iter(self.candidates), None)
        return first.provider if first is not None and first.barred is None else None

    def is_barred_by(self, bar: Bar) -> bool:
        """Whether some account could take the payment but for this."""
        return any(candidate.barred is bar for candidate in self.candidates)


@dataclass(slots=True)
class _Order:
    """The order that a rule gives to providers."""

    ranks: dict[str, tuple[Place, int]] = field(default_factory=dict)

    def add(self, provider: str, place: Place) -> None:
        self.ranks.setdefault(provider, (place, len(self.ranks)))


def decide(charge: Charge, accounts: Sequence[Account], book: RuleBook) -> Decision:
    """Order the accounts for this payment. The same payment and the same facts always give the same decision."""
    rule = next((each for each in book.rules if applies(each, charge)), None)
    point = share_point(rule.name, charge.intent_id) if rule is not None and rule.split else None
    order = _order(rule, point)
    candidates = [_candidate(account, charge, rule, order, book) for account in accounts]
    ready = sorted(
        (each for each in candidates if each.barred is None), key=lambda each: _rank(each, order, rule)
    )
    barred = sorted((each for each in candidates if each.barred is not None), key=lambda each: each.provider)
    return Decision(
        candidates=(*_rested(ready, book.all_resting), *barred),
        rule=rule.name if rule is not None else None,
        point=point,
    )


def applies(rule: Rule, charge: Charge) -> bool:
    """Whether a rule is about this payment."""
    return (
        (not rule.methods or charge.method in rule.methods)
        and (not rule.currencies or charge.currency in rule.currencies)
        and (rule.amount_from is None or charge.amount_minor >= rule.amount_from)
        and (rule.amount_below is None or charge.amount_minor < rule.amount_below)
        and (rule.hours is None or holds_at(rule.hours, charge.at))
    )


def holds_at(hours: Hours, at: datetime) -> bool:
    """Whether an instant lies within the hours, by the clock of their time zone."""
    local = at.astimezone(ZoneInfo(hours.time_zone))
    clock, today = f"{local:%H:%M}", local.isoweekday()
    if hours.starts < hours.ends:
        return today in hours.days and hours.starts <= clock < hours.ends
    yesterday = (local.date() - timedelta(days=1)).isoweekday()
    return (today in hours.days and clock >= hours.starts) or (yesterday in hours.days and clock < hours.ends)


def share_point(rule: str, intent_id: uuid.UUID) -> int:
    """Where a split puts a payment, from 0 to 99; by its identifier alone, so that asking again changes nothing."""
    digest = hashlib.sha256(rule.encode() + b"\0" + intent_id.bytes).digest()
    return int.from_bytes(digest[:8]) % 100


def cost_of(costs: Iterable[Cost], provider: str, charge: Charge) -> int | None:
    """What taking the payment there costs, rounded up, or None when nobody said. The first entry that fits counts."""
    for cost in costs:
        if (
            cost.provider == provider
            and cost.currency in (None, charge.currency)
            and cost.method in (None, charge.method)
        ):
            return -(-charge.amount_minor * cost.basis_points // BASIS_POINTS) + cost.fixed
    return None


def _order(rule: Rule | None, point: int | None) -> _Order:
    order = _Order()
    if rule is None:
        return order
    if point is not None:
        for share in _from_point(rule.split, point):
            order.add(share.provider, Place.SHARE)
    for provider in rule.providers:
        order.add(provider, Place.LISTED)
    return order


def _from_point(split: Sequence[Share], point: int) -> list[Share]:
    """The shares, beginning with the one that the point falls into."""
    end = 0
    for position, share in enumerate(split):
        end += share.percent
        if point < end:
            return [share, *split[:position], *split[position + 1 :]]
    return list(split)


def _candidate(
    account: Account, charge: Charge, rule: Rule | None, order: _Order, book: RuleBook
) -> Candidate:
    listed = order.ranks.get(account.provider)
    barred = account.barred
    if barred is None and rule is not None and rule.only_listed and listed is None:
        barred = Bar.NOT_LISTED
    place = listed[0] if listed else Place.COST if rule is not None and rule.cheapest else Place.NAME
    return Candidate(
        provider=account.provider,
        barred=barred,
        place=place if barred is None else None,
        resting=account.resting,
        cost_minor=cost_of(book.costs, account.provider, charge),
    )


def _rank(candidate: Candidate, order: _Order, rule: Rule | None) -> tuple[bool, int, bool, int, str]:
    listed = order.ranks.get(candidate.provider)
    cheapest = rule is not None and rule.cheapest
    cost = candidate.cost_minor if cheapest and candidate.cost_minor is not None else 0
    return (
        candidate.resting,
        len(order.ranks) if listed is None else listed[1],
        cheapest and candidate.cost_minor is None,
        cost,
        candidate.provider,
    )


def _rested(ready: Sequence[Candidate], all_resting: AllResting) -> list[Candidate]:
    """The candidates with those set back whose breakers are open."""
    places = {True: Place.LAST_RESORT}
    refused = all_resting is AllResting.REFUSE
    return [
        Candidate(
            provider=each.provider,
            barred=Bar.BREAKER if each.resting and refused else None,
            place=None if each.resting and refused else places.get(each.resting, each.place),
            resting=each.resting,
            cost_minor=each.cost_minor,
        )
        for each in ready
    ]
