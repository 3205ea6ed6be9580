"""Routing: rules, which some people may publish anew, decisions, and breakers, which some may switch."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from kernel import clock
from kernel.admin import Panel, RowAction
from kernel.admin.columns import badge
from kernel.money import Money
from kernel.tenancy import TenantScope
from mpac.pgw import conf
from mpac.pgw.admin.base import WHERE, GatewayAdmin, ProviderFilter
from mpac.pgw.domain.breaker import BreakerMode, BreakerState, recent
from mpac.pgw.domain.routing import Bar, Place
from mpac.pgw.models import Merchant, ProviderBreaker, RoutingDecision, RoutingRules, Store
from mpac.pgw.selectors.health import LATELY, ProviderHealth, list_provider_health
from mpac.pgw.services.breakers import POLICY, as_breaker, switch_breaker
from mpac.pgw.services.rule_books import NewRules, find_last_version, publish_rules, withdraw_rules
from mpac.pgw.services.slots import AccountKey, slots

PUBLISH = "pgw.publish_routing"
SWITCH = "pgw.switch_breakers"
HEALTHY_PERCENT, AILING_PERCENT = 98, 90
EMPTY = {"rules": [], "costs": [], "all_resting": "try"}
Level = Merchant | Store | RoutingRules


class RulesForm(forms.Form):
    """A version of rules to be published."""

    document = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 24, "cols": 100, "spellcheck": "false"}),
        help_text="JSON: rules in their order, costs, and all_resting (try or refuse). The first rule that fits counts.",
    )
    note = forms.CharField(max_length=500, help_text="why")
    valid_from = forms.DateTimeField(required=False, help_text="UTC; now when empty")
    valid_until = forms.DateTimeField(required=False, help_text="UTC; for good when empty")
    based_on = forms.IntegerField(widget=forms.HiddenInput)


class NoteForm(forms.Form):
    """Why something is done."""

    note = forms.CharField(max_length=500, help_text="why")


def level_of(row: Level) -> dict[str, Any]:
    """Whose rules they are: all of a merchant's stores', or one store's."""
    only = row.store_id if isinstance(row, Store) else getattr(row, "only_store_id", None)
    return {"psp_id": row.psp_id, "merchant_id": row.merchant_id, "only_store_id": only}


def begin_rules(row: Level, _now: dt.datetime) -> Mapping[str, Any]:
    """The form begins with the last version of the level, whichever version was looked at."""
    last = find_last_version(**level_of(row))
    document = last.document if last is not None else EMPTY
    return {
        "document": json.dumps(document, indent=2, ensure_ascii=False),
        "based_on": last.version if last is not None else 0,
    }


def publish(row: Level, actor: str, now: dt.datetime, **answers: Any) -> str:
    """Publish what the form says, for the level of the row."""
    scope = TenantScope(row.psp_id, row.merchant_id)
    wanted = NewRules(**level_of(row), published_by=actor, **answers)
    rules = publish_rules(scope=scope, wanted=wanted, now=now)
    return f"Version {rules.version} is published."


def withdraw(row: RoutingRules, actor: str, now: dt.datetime, *, note: str) -> str:
    """Withdraw the rules, if these are the last."""
    scope = TenantScope(row.psp_id, row.merchant_id)
    withdraw_rules(scope=scope, rules=row, published_by=actor, note=note, now=now)
    return "The rules are withdrawn."


def switch(
    row: ProviderBreaker,
    _actor: str,
    now: dt.datetime,
    *,
    mode: BreakerMode | None = None,
    reset: bool = False,
) -> str:
    """Switch a breaker, or close it."""
    scope = TenantScope(row.psp_id, row.merchant_id)
    row = switch_breaker(scope=scope, breaker_id=row.pk, mode=mode, reset=reset, now=now)
    return f"The breaker is {row.state.replace('_', ' ')} and {row.mode.replace('_', ' ')}."


PUBLISHING = RowAction(
    name="publish-routing",
    words="Publish routing rules",
    question="Payments that are confirmed from then on go by these rules. Try them with replay_routing first.",
    permission=PUBLISH,
    run=publish,
    form=RulesForm,
    begin=begin_rules,
)


REASONS: Mapping[str, str] = {
    Bar.OTHER_PROVIDER_WANTED: "the caller named another provider",
    Bar.TRIED: "an attempt there has provably not happened",
    Bar.METHOD: "does not take this method",
    Bar.CURRENCY: "does not take this currency",
    Bar.AMOUNT: "does not take an amount of this height",
    Bar.CAPTURE: "cannot hold money for a later capture",
    Bar.BUSY: "as many calls were under way as the account may have",
    Bar.NOT_LISTED: "the rule does not name it",
    Bar.BREAKER: "its breaker was open, and the rules forbid to try",
    Place.SHARE: "the split points to it",
    Place.LISTED: "the rule's priority",
    Place.COST: "what it costs",
    Place.NAME: "by its name, because nothing else was said",
    Place.LAST_RESORT: "its breaker was open, and nothing else was left",
}


def _candidate(each: Mapping[str, Any], row: RoutingDecision) -> tuple[Any, ...]:
    if each["barred"]:
        verdict = badge("barred", tone_name="bad")
    elif each["provider"] == row.provider:
        verdict = badge("chosen", tone_name="good")
    else:
        verdict = badge("next", tone_name="neutral")
    reason = str(each["barred"] or each["place"] or "")
    cost = each["cost_minor"]
    return (
        verdict,
        each["provider"],
        REASONS.get(reason, reason.replace("_", " ")),
        "" if cost is None else Money(cost, row.currency).format(),
        " ".join(filter(None, [each["breaker"], f"({each['mode']})" if each["mode"] else ""])).replace(
            "_", " "
        ),
    )


def _how(row: RoutingDecision) -> str:
    """Which rule fitted, and what else counted."""
    said = [f"The rule “{row.rule}” fitted." if row.rule else "No rule fitted, or there was none."]
    if row.point is not None:
        said.append(f"The split put the payment at {row.point} of 100.")
    if row.failover:
        said.append("It went on to the next account, because the attempt before has provably not happened.")
    return " ".join(said)


@admin.register(RoutingRules)
class RoutingRulesAdmin(GatewayAdmin):
    """Rules in all their versions."""

    kind = "rtr"
    references = {"only_store_id": "store"}
    row_actions = (
        PUBLISHING,
        RowAction(
            name="withdraw",
            words="Withdraw",
            question="From now on the stores go by their merchant's rules, or by none. The version stays to be read.",
            permission=PUBLISH,
            run=withdraw,
            form=NoteForm,
        ),
    )
    list_display = (
        *("id", "version", "valid_from", "valid_until", "published_by", "note", "psp_id", "merchant_id"),
        "only_store_id",
    )
    list_filter = ("valid_from",)
    search_fields = ("merchant_id__exact", "only_store_id__exact", "published_by__exact")
    search_help_text = "the rules' identifier, a merchant's or store's, or who published them"
    ordering = ("-id",)


@admin.register(RoutingDecision)
class RoutingDecisionAdmin(GatewayAdmin):
    """Why attempts went where they went."""

    references = {"intent_id": "pi", "attempt_id": "att", "rules_id": "rtr"}
    in_panels = ("candidates",)
    list_display = (
        *("created_at", "provider", "rule", "failover", "amount_minor", "method", "intent_id", "attempt_id"),
        *("rules_id", "wanted_provider", "livemode", *WHERE),
    )
    list_filter = ("failover", ProviderFilter, "method", "livemode", "created_at")
    search_fields = ("provider__exact", "rule__exact")
    search_help_text = "an intent's, attempt's or rules' identifier, a provider, or the name of a rule"
    ordering = ("-id",)

    def panels(self, request: HttpRequest, row: RoutingDecision) -> list[Panel]:
        """The candidates in their order, and what barred or placed each."""
        return [
            Panel(
                title="Candidates in their order",
                heads=("", "provider", "why", "costs", "breaker"),
                rows=[_candidate(each, row) for each in row.candidates],
                note=_how(row),
            )
        ]


@admin.register(ProviderBreaker)
class ProviderBreakerAdmin(GatewayAdmin):
    """Circuit breakers of stores' accounts."""

    in_panels = ("buckets",)
    row_actions = (
        RowAction(
            name="watch",
            words="Only watch",
            question="Let payments go to this account whatever its breaker says, and only note what it would do?",
            permission=SWITCH,
            run=partial(switch, mode=BreakerMode.DRY_RUN),
            fits=lambda row: row.mode == BreakerMode.ENFORCED,
        ),
        RowAction(
            name="enforce",
            words="Enforce",
            question="Send payments to other accounts while this breaker is open?",
            permission=SWITCH,
            run=partial(switch, mode=BreakerMode.ENFORCED),
            fits=lambda row: row.mode == BreakerMode.DRY_RUN,
        ),
        RowAction(
            name="close",
            words="Close",
            question="Forget what was counted, and call this account as usual?",
            permission=SWITCH,
            run=partial(switch, reset=True),
            fits=lambda row: row.state != BreakerState.CLOSED,
        ),
    )
    attention = {"accounts left alone by their breakers": {"state": "open", "mode": "enforced"}}
    list_display = (
        *("provider", "state", "mode", *WHERE, "state_at", "rests_until", "rests", "trial_until", "passed"),
        "updated_at",
    )
    list_filter = ("state", ProviderFilter, "mode", "updated_at")
    search_fields = ("provider__exact", "store_id__exact", "merchant_id__exact")
    ordering = ("-id",)

    def list_panels(self, request: HttpRequest) -> list[Panel]:
        """How the providers have been answering lately, over all accounts that this person sees."""
        return [_health(list_provider_health(now=clock.now()), title="Providers")]

    def panels(self, request: HttpRequest, row: ProviderBreaker) -> list[Panel]:
        """What the breaker has counted, what became of the account's latest attempts, and its slots."""
        now = clock.now()
        counted = recent(as_breaker(row), POLICY, now=now)
        window = Panel(
            title=f"Calls in the last {POLICY.window.total_seconds():.0f} s",
            heads=("calls", "failed", "slow", "under way in this process"),
            rows=[
                (
                    counted.calls,
                    counted.failed,
                    counted.slow,
                    f"{slots.under_way(AccountKey.of(row))} of {conf.provider_concurrency()}",
                )
            ],
            note=f"It opens at {POLICY.failed_percent} % failed, or {POLICY.slow_percent} % slower than "
            f"{POLICY.slow_after.total_seconds():.0f} s, of at least {POLICY.min_calls} calls. Good calls are "
            "written every few seconds.",
        )
        found = list_provider_health(now=now, provider=row.provider, store_id=row.store_id)
        return [window, _health(found, title="This account")]


def _health(found: Sequence[ProviderHealth], *, title: str) -> Panel:
    return Panel(
        title=f"{title} in the last {LATELY.total_seconds() / 60:.0f} minutes",
        heads=(
            "provider",
            "attempts",
            "answered",
            "paid",
            "declined",
            "failed",
            "of them unknown",
            "median",
            "95 %",
        ),
        rows=[
            (
                each.provider,
                each.attempts,
                badge(f"{each.answered_percent} %", tone_name=_tone(each.answered_percent)),
                *(each.paid, each.declined, each.failed, each.unknown),
                *(_seconds(each.median_s), _seconds(each.slow_s)),
            )
            for each in found
        ],
        note="Answered is where the provider did its part; a refusal of the payment is its part. Times are those of its "
        "answers to new attempts.",
    )


def _tone(percent: int) -> str:
    if percent >= HEALTHY_PERCENT:
        return "good"
    return "waiting" if percent >= AILING_PERCENT else "bad"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"
