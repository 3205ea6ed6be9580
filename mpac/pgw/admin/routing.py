"""Routing: rules, which some people may publish anew, decisions, and breakers, which some may switch."""

import datetime as dt
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin

from kernel.admin import RowAction
from kernel.tenancy import TenantScope
from mpac.pgw.admin.base import WHERE, GatewayAdmin
from mpac.pgw.domain.breaker import BreakerMode
from mpac.pgw.models import Merchant, ProviderBreaker, RoutingDecision, RoutingRules, Store
from mpac.pgw.services.breakers import switch_breaker
from mpac.pgw.services.rule_books import NewRules, find_last_version, publish_rules, withdraw_rules

PUBLISH = "pgw.publish_routing"
SWITCH = "pgw.switch_breakers"
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
    list_display = (
        *("created_at", "provider", "rule", "failover", "amount_minor", "method", "intent_id", "attempt_id"),
        *("rules_id", "wanted_provider", "livemode", *WHERE),
    )
    list_filter = ("failover", "method", "livemode", "created_at")
    search_fields = ("provider__exact", "rule__exact")
    search_help_text = "an intent's, attempt's or rules' identifier, a provider, or the name of a rule"
    ordering = ("-id",)


@admin.register(ProviderBreaker)
class ProviderBreakerAdmin(GatewayAdmin):
    """Circuit breakers of stores' accounts."""

    row_actions = (
        RowAction(
            name="watch",
            words="Only watch",
            question="Let payments go to this account whatever its breaker says, and only note what it would do?",
            permission=SWITCH,
            run=partial(switch, mode=BreakerMode.DRY_RUN),
        ),
        RowAction(
            name="enforce",
            words="Enforce",
            question="Send payments to other accounts while this breaker is open?",
            permission=SWITCH,
            run=partial(switch, mode=BreakerMode.ENFORCED),
        ),
        RowAction(
            name="close",
            words="Close",
            question="Forget what was counted, and call this account as usual?",
            permission=SWITCH,
            run=partial(switch, reset=True),
        ),
    )
    attention = {"accounts left alone by their breakers": {"state": "open", "mode": "enforced"}}
    list_display = (
        *("id", "provider", "state", "mode", "state_at", "rests_until", "rests", "trial_until", "passed"),
        *("updated_at", *WHERE),
    )
    list_filter = ("state", "mode", "updated_at")
    search_fields = ("provider__exact", "store_id__exact", "merchant_id__exact")
    ordering = ("-id",)
