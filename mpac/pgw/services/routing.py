"""Choosing the account that takes a payment, with its slot and, where it is on trial, its trial; and keeping why."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from kernel import metrics
from kernel.ids import created_at_of, uuid7
from kernel.logs import get_logger
from mpac.pgw.adapters.port import Adapter
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.domain.breaker import BreakerState
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.domain.routing import Account, Bar, Charge, Decision, RuleBook, decide
from mpac.pgw.errors import (
    AccountsBusy,
    AccountsResting,
    CaptureNotSupported,
    PaymentTokenRequired,
    ProviderNotUsable,
    StoreNotUsable,
)
from mpac.pgw.models import PaymentAttempt, PaymentIntent, RoutingDecision, StoreProviderConfig
from mpac.pgw.selectors.routing import find_last_decision, list_usable_accounts
from mpac.pgw.services import breakers, rule_books
from mpac.pgw.services.breakers import Health
from mpac.pgw.services.creation import store_is_usable
from mpac.pgw.services.slots import AccountKey, slots

logger = get_logger(__name__)

NO_RULES = RuleBook()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where an attempt goes: the account, whose slot is taken for it, and why."""

    attempt_id: uuid.UUID
    config: StoreProviderConfig
    charge: Charge
    decision: Decision
    rules_id: uuid.UUID | None
    wanted: str | None
    health: Mapping[str, Health]

    @property
    def provider(self) -> str:
        return str(self.config.provider_name)


def wanted_provider(intent: PaymentIntent, provider: str | None) -> str | None:
    """The provider that the caller insists on: now, the last time, or when the intent was made."""
    if provider is not None or intent.provider is None:
        return provider
    last = find_last_decision(intent)
    return intent.provider if last is None else last.wanted_provider


def choose_route(
    intent: PaymentIntent,
    *,
    method: str,
    wanted: str | None,
    tried: Collection[str] = (),
    has_token: bool = False,
    now: dt.datetime,
) -> Route:
    """Choose among the store's enabled accounts for this method, currency and amount, and take a slot there.

    An intent outlives its store's good standing; money is taken only while that lasts. In the caller's transaction.
    Raises StoreNotUsable, ProviderNotUsable, CaptureNotSupported, PaymentTokenRequired, AccountsBusy and AccountsResting.
    """
    if not store_is_usable(intent.psp_id, intent.merchant_id, intent.store_id):
        raise StoreNotUsable
    where = {"psp_id": intent.psp_id, "merchant_id": intent.merchant_id, "store_id": intent.store_id}
    configs = {config.provider_name: config for config in list_usable_accounts(intent)}
    found = rule_books.find_book(**where, now=now)
    health = breakers.list_health(**where, now=now)
    charge = Charge(
        intent_id=intent.pk,
        method=method,
        currency=intent.currency,
        amount_minor=intent.amount_minor,
        at=now,
    )
    bars = {
        name: bar
        for name in configs
        if (adapter := find_adapter(name)) is not None
        for bar in [_bar(intent, adapter, method=method, wanted=wanted, tried=tried, has_token=has_token)]
    }
    attempt_id = uuid7()
    book = found[1] if found else NO_RULES
    decision = _settle(intent, charge, bars, health, book, holder=attempt_id)
    if decision.chosen is None:
        raise _refusal(decision)
    return Route(
        attempt_id=attempt_id,
        config=configs[decision.chosen],
        charge=charge,
        decision=decision,
        rules_id=found[0].pk if found else None,
        wanted=wanted,
        health=health,
    )


def keep_decision(route: Route, attempt: PaymentAttempt, *, failover: bool) -> None:
    """Store why the attempt goes where it goes, in the caller's transaction."""
    decision_id = uuid7()
    RoutingDecision(
        id=decision_id,
        created_at=created_at_of(decision_id),
        psp_id=attempt.psp_id,
        merchant_id=attempt.merchant_id,
        store_id=attempt.store_id,
        intent_id=attempt.intent_id,
        attempt_id=attempt.pk,
        provider=attempt.provider,
        failover=failover,
        wanted_provider=route.wanted,
        method=route.charge.method,
        amount_minor=attempt.amount_minor,
        currency=attempt.currency,
        livemode=attempt.livemode,
        rules_id=route.rules_id,
        rule=route.decision.rule,
        point=route.decision.point,
        candidates=_shown(route),
    ).save(force_insert=True)


def _settle(
    intent: PaymentIntent,
    charge: Charge,
    bars: dict[str, Bar | None],
    health: Mapping[str, Health],
    book: RuleBook,
    *,
    holder: uuid.UUID,
) -> Decision:
    """Decide, and decide again while what was chosen is taken meanwhile: its last slot, or its one trial."""
    now = charge.at
    resting = {name for name, each in health.items() if each.is_resting(now=now)}
    while True:
        accounts = [Account(provider=name, barred=bar, resting=name in resting) for name, bar in bars.items()]
        decision = decide(charge, accounts, book)
        if decision.chosen is None:
            return decision
        account = AccountKey(intent.psp_id, intent.merchant_id, intent.store_id, decision.chosen)
        if not slots.take(account, holder, now=now):
            bars[decision.chosen] = Bar.BUSY
        elif decision.chosen not in resting and not _passes(account, health.get(decision.chosen), now=now):
            slots.give_back(holder)
            resting.add(decision.chosen)
        else:
            return decision


def _passes(account: AccountKey, health: Health | None, *, now: dt.datetime) -> bool:
    """Whether the account may be called: its breaker is closed or only watched, or this call is its trial."""
    if health is None or health.breaker.state is BreakerState.CLOSED:
        return True
    on_trial = health.is_due_for_trial(now=now) and breakers.begin_trial(account, now=now)
    return on_trial or not health.is_enforced


def _bar(
    intent: PaymentIntent,
    adapter: Adapter,
    *,
    method: str,
    wanted: str | None,
    tried: Collection[str],
    has_token: bool,
) -> Bar | None:
    """The first fact that keeps an account from taking the payment."""
    can = adapter.capabilities
    facts = {
        Bar.OTHER_PROVIDER_WANTED: wanted not in (None, adapter.name),
        Bar.TRIED: adapter.name in tried,
        Bar.METHOD: method not in can.methods,
        Bar.CURRENCY: not can.accepts(method=method, currency=intent.currency),
        Bar.AMOUNT: intent.amount_minor > can.max_amount_minor,
        Bar.TOKEN: method in can.token_methods and not has_token,
        Bar.CAPTURE: intent.capture_method == CaptureMethod.MANUAL and not can.manual_capture,
    }
    return next((bar for bar, holds in facts.items() if holds), None)


def _refusal(decision: Decision) -> Exception:
    """Why nobody can take the payment: the reason that is most likely to pass comes first."""
    reasons = {
        Bar.BUSY: AccountsBusy,
        Bar.BREAKER: AccountsResting,
        Bar.TOKEN: PaymentTokenRequired,
        Bar.CAPTURE: CaptureNotSupported,
    }
    found = next((bar for bar in reasons if decision.is_barred_by(bar)), None)
    metrics.routing_refusals.labels(found.value if found else "no_account").inc()
    logger.info(
        "no account can take a payment",
        rule=decision.rule,
        candidates={each.provider: str(each.barred) for each in decision.candidates},
    )
    return ProviderNotUsable() if found is None else reasons[found]()


def _shown(route: Route) -> list[dict[str, Any]]:
    """The candidates as they are stored."""
    return [
        {
            "provider": each.provider,
            "barred": each.barred,
            "place": each.place,
            "resting": each.resting,
            "breaker": known.breaker.state if (known := route.health.get(each.provider)) else "closed",
            "mode": known.mode if known else None,
            "cost_minor": each.cost_minor,
        }
        for each in route.decision.candidates
    ]
