"""Reads of routing decisions and of the accounts that they choose from."""

from django.db.models import Q, QuerySet

from mpac.pgw.models import PaymentIntent, RoutingDecision, StoreProviderConfig


def list_usable_accounts(intent: PaymentIntent) -> QuerySet[StoreProviderConfig]:
    """The store's enabled accounts of the intent's mode, by provider."""
    found: QuerySet[StoreProviderConfig] = (
        StoreProviderConfig.objects.filter(
            psp_id=intent.psp_id,
            merchant_id=intent.merchant_id,
            store_id=intent.store_id,
            enabled=True,
            deleted_at=None,
        )
        .filter(Q(livemode=None) | Q(livemode=intent.livemode))
        .order_by("provider_name")
    )
    return found


def find_last_decision(intent: PaymentIntent) -> RoutingDecision | None:
    """The last decision about an intent, or None."""
    found: RoutingDecision | None = _decisions(intent).order_by("-id").first()
    return found


def list_decisions_of_try(intent: PaymentIntent) -> list[RoutingDecision]:
    """The decisions since the intent was last confirmed, newest first: one, and one more for each failover."""
    found: list[RoutingDecision] = []
    for decision in _decisions(intent).order_by("-id"):
        found.append(decision)
        if not decision.failover:
            break
    return found


def _decisions(intent: PaymentIntent) -> QuerySet[RoutingDecision]:
    found: QuerySet[RoutingDecision] = RoutingDecision.objects.filter(
        psp_id=intent.psp_id,
        merchant_id=intent.merchant_id,
        intent_id=intent.pk,
        created_at__gte=intent.created_at,
    )
    return found
