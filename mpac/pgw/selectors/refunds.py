"""Reads of refunds."""

import uuid

from django.db.models import QuerySet

from kernel.errors import NotFound
from kernel.ids import encode
from mpac.pgw.dto import RefundDTO
from mpac.pgw.models import PaymentIntent, Refund
from mpac.pgw.selectors.intents import last_error


def get_refund(refund_id: uuid.UUID) -> Refund:
    """One refund with its attempt and intent. Raises NotFound."""
    refund: Refund | None = (
        Refund.objects.select_related("attempt", "attempt__intent", "intent").filter(pk=refund_id).first()
    )
    if refund is None:
        raise NotFound
    return refund


def find_refund_by_key(*, psp_id: int, merchant_id: int, idempotency_key: str) -> Refund | None:
    """The refund that was opened under this business key, or None."""
    found: Refund | None = Refund.objects.filter(
        psp_id=psp_id, merchant_id=merchant_id, idempotency_key=idempotency_key
    ).first()
    return found


def find_refund_by_operation(*, provider: str, operation_key: str) -> Refund | None:
    """The refund that a provider knows under our key, or None."""
    found: Refund | None = Refund.objects.filter(provider=provider, operation_key=operation_key).first()
    return found


def refund_dto(refund: Refund) -> RefundDTO:
    """The refund as other contexts see it."""
    return RefundDTO(
        id=encode("re", refund.pk),
        intent_id=encode("pi", refund.intent_id),
        status=str(refund.status),
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        reason=refund.reason,
        provider=refund.provider,
        manual=refund.manual,
        last_error=last_error(refund),
    )


def list_refunds(intent: PaymentIntent) -> QuerySet[Refund]:
    """All refunds of an intent, those of late money included."""
    found: QuerySet[Refund] = Refund.objects.filter(
        psp_id=intent.psp_id, merchant_id=intent.merchant_id, intent=intent
    )
    return found
