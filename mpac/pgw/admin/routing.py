"""Routing: rules, decisions and breakers."""

from django.contrib import admin

from mpac.pgw.admin.base import WHERE, GatewayAdmin
from mpac.pgw.models import ProviderBreaker, RoutingDecision, RoutingRules


@admin.register(RoutingRules)
class RoutingRulesAdmin(GatewayAdmin):
    """Rules in all their versions."""

    kind = "rtr"
    references = {"only_store_id": "store"}
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

    attention = {"accounts left alone by their breakers": {"state": "open", "mode": "enforced"}}
    list_display = (
        *("id", "provider", "state", "mode", "state_at", "rests_until", "rests", "trial_until", "passed"),
        *("updated_at", *WHERE),
    )
    list_filter = ("state", "mode", "updated_at")
    search_fields = ("provider__exact", "store_id__exact", "merchant_id__exact")
    ordering = ("-id",)
