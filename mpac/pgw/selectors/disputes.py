"""Reads of disputes, and their lock, which comes after those of the intent and its attempt."""

import uuid

from django.db.models import QuerySet, Sum

from kernel.errors import NotFound
from mpac.pgw.domain.disputes import DisputeStatus
from mpac.pgw.domain.movements import MovementKind
from mpac.pgw.models import (
    Dispute,
    DisputeEvent,
    PaymentAttempt,
    PaymentIntent,
    ProviderReference,
    StoreProviderConfig,
)


def get_dispute(dispute_id: uuid.UUID) -> Dispute:
    """One dispute. Raises NotFound."""
    dispute: Dispute | None = Dispute.objects.filter(pk=dispute_id).first()
    if dispute is None:
        raise NotFound
    return dispute


def list_disputes(
    *,
    status: DisputeStatus | None = None,
    merchant_id: int | None = None,
    intent_id: uuid.UUID | None = None,
) -> QuerySet[Dispute]:
    """The disputes of the caller's scope."""
    wanted = {"status": status, "merchant_id": merchant_id, "intent_id": intent_id}
    found: QuerySet[Dispute] = Dispute.objects.filter(
        **{name: value for name, value in wanted.items() if value is not None}
    )
    return found


def list_dispute_events(dispute: Dispute) -> QuerySet[DisputeEvent]:
    """The steps of a dispute, the first one first."""
    found: QuerySet[DisputeEvent] = DisputeEvent.objects.filter(
        psp_id=dispute.psp_id, merchant_id=dispute.merchant_id, dispute_id=dispute.pk
    ).order_by("sequence")
    return found


def disputed_minor(intent: PaymentIntent) -> int:
    """How much of a locked intent is disputed and not won; a lost dispute has given the money back for good."""
    lasting = Dispute.objects.filter(intent=intent, currency=intent.currency).exclude(
        status=DisputeStatus.WON
    )
    total: int | None = lasting.aggregate(total=Sum("amount_minor"))["total"]
    return total or 0


def lock_dispute(attempt: PaymentAttempt, reference: str) -> Dispute | None:
    """The dispute of a locked attempt that the provider knows under `reference`, locked, or None."""
    found: Dispute | None = (
        Dispute.objects.select_for_update()
        .filter(
            psp_id=attempt.psp_id,
            merchant_id=attempt.merchant_id,
            provider=attempt.provider,
            provider_reference=reference,
        )
        .first()
    )
    return found


def find_paid_attempt(*, account: StoreProviderConfig, reference: str) -> PaymentAttempt | None:
    """The attempt whose payment the provider knows under `reference`, among those of an account's merchant, or None.

    For notices that do not know our key. Runs in a system scope.
    """
    counted = ProviderReference.objects.filter(
        psp_id=account.psp_id,
        merchant_id=account.merchant_id,
        provider=account.provider_name,
        kind=MovementKind.PAYMENT,
        reference=reference,
    ).first()
    found: PaymentAttempt | None = (
        PaymentAttempt.objects.filter(pk=counted.attempt_id).first() if counted else None
    )
    return found
