"""Routing: the rules in all their versions, every decision, and the breakers of accounts."""

import datetime as dt

from django.db import models

from kernel.models import CurrencyField, StoreModel, TenantModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.breaker import TRANSITIONS, BreakerMode, BreakerState
from mpac.pgw.domain.methods import PaymentMethodCode

KEEP_DECISIONS = dt.timedelta(days=365)


class RoutingRules(TenantModel):
    """One version of a merchant's rules, or of one store's. Versions are only ever added; the last that has begun counts.

    A version that ends where it begins withdraws the rules: a store's then are its merchant's, a merchant's are none.
    """

    only_store_id = models.IntegerField(null=True, help_text="empty for all stores of the merchant")
    version = models.IntegerField()
    document = models.JSONField(help_text="rules, costs and what to do when all accounts rest")
    note = models.TextField(default="", help_text="why")
    published_by = models.TextField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)

    rules = TableRules(
        tenant="merchant",
        append_only=True,
        parents=(
            Parent("merchant_id", "merchants", "merchant_id"),
            Parent("only_store_id", "stores", "store_id", ("psp_id", "merchant_id")),
        ),
    )

    class Meta:
        db_table = "routing_rules"
        default_manager_name = "objects"
        verbose_name_plural = "routing rules"
        constraints = (
            # Two people who publish at once: one of them has not seen the other's.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "only_store_id", "version"],
                name="routing_rules_version",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(valid_until=None) | models.Q(valid_until__gte=models.F("valid_from")),
                name="routing_rules_validity",
            ),
        )

    def __str__(self) -> str:
        return f"version {self.version}"


class RoutingDecision(StoreModel):
    """Why an attempt went where it went: every account of the store, in its order, with what barred or placed it."""

    intent_id = models.UUIDField()
    attempt_id = models.UUIDField()
    provider = models.TextField(help_text="the account that was chosen")
    failover = models.BooleanField(help_text="because the attempt before has provably not happened")
    wanted_provider = models.TextField(null=True, help_text="the one that the caller named")
    method = models.TextField(choices=choices(PaymentMethodCode))
    amount_minor = models.BigIntegerField()
    currency = CurrencyField()
    livemode = models.BooleanField()
    rules_id = models.UUIDField(null=True)
    rule = models.TextField(null=True, help_text="the name of the rule that fitted")
    point = models.SmallIntegerField(null=True, help_text="where the split put the payment, from 0 to 99")
    candidates = models.JSONField()

    rules = TableRules(
        tenant="store",
        append_only=True,
        partitioned=True,
        parents=(Parent("intent_id", "payment_intents"),),
        keep=KEEP_DECISIONS,
    )

    class Meta:
        db_table = "routing_decisions"
        default_manager_name = "objects"
        indexes = (
            models.Index(
                fields=["psp_id", "merchant_id", "intent_id", "id"], name="routing_decisions_of_intent"
            ),
        )

    def __str__(self) -> str:
        return self.provider


class ProviderBreaker(StoreModel):
    """The circuit breaker of a store's account at one provider: a small row, written when there is news."""

    provider = models.TextField()
    mode = models.TextField(choices=choices(BreakerMode))
    state = models.TextField(choices=choices(BreakerState))
    state_at = models.DateTimeField()
    buckets = models.JSONField(default=list, help_text="slice of the window, calls, failed, slow")
    rests_until = models.DateTimeField(null=True)
    rests = models.IntegerField(default=0, help_text="how many in a row")
    trial_until = models.DateTimeField(null=True)
    passed = models.IntegerField(default=0, help_text="good trials in a row")
    updated_at = models.DateTimeField()

    rules = TableRules(
        tenant="store",
        transitions=TRANSITIONS,
        status_field="state",
        parents=(Parent("store_id", "stores", "store_id"),),
    )

    class Meta:
        db_table = "provider_breakers"
        default_manager_name = "objects"
        constraints = (
            choices_check("mode", BreakerMode, "provider_breakers_mode"),
            choices_check("state", BreakerState, "provider_breakers_state"),
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "store_id", "provider"], name="provider_breakers_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.state}"
