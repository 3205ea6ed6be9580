"""Reads of intents, their attempts and their history."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db.models import QuerySet

from kernel.errors import NotFound
from kernel.ids import encode
from mpac.pgw.domain.intents import UNENDED, IntentStatus
from mpac.pgw.dto import PaymentIntentDTO
from mpac.pgw.models import Capture, IntentEvent, PaymentAttempt, PaymentIntent, Refund


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentFilters:
    """How a list of intents may be narrowed; None leaves a side open."""

    status: str | None = None
    merchant_id: int | None = None
    store_id: int | None = None
    reference: str | None = None
    created_from: dt.datetime | None = None
    created_before: dt.datetime | None = None


def get_intent(intent_id: uuid.UUID) -> PaymentIntent:
    """One intent within the open scope. Raises NotFound."""
    intent: PaymentIntent | None = PaymentIntent.objects.filter(pk=intent_id).first()
    if intent is None:
        raise NotFound
    return intent


def find_intent_by_key(*, psp_id: int, merchant_id: int, idempotency_key: str) -> PaymentIntent | None:
    """The intent that was created under this business key, or None."""
    found: PaymentIntent | None = PaymentIntent.objects.filter(
        psp_id=psp_id, merchant_id=merchant_id, idempotency_key=idempotency_key
    ).first()
    return found


def list_unended_of_device(device_id: uuid.UUID) -> list[uuid.UUID]:
    """The intents of a terminal that have no end yet, within the open scope, the oldest first."""
    found = PaymentIntent.objects.filter(device_id=device_id, status__in=sorted(UNENDED))
    return list(found.order_by("pk").values_list("pk", flat=True))


def list_intents(filters: IntentFilters) -> QuerySet[PaymentIntent]:
    """The intents within the open scope."""
    conditions = {
        "status": filters.status,
        "merchant_id": filters.merchant_id,
        "store_id": filters.store_id,
        "reference": filters.reference,
        "created_at__gte": filters.created_from,
        "created_at__lt": filters.created_before,
    }
    given = {name: value for name, value in conditions.items() if value is not None}
    found: QuerySet[PaymentIntent] = PaymentIntent.objects.filter(**given)
    return found


def get_attempt(attempt_id: uuid.UUID) -> PaymentAttempt:
    """One attempt with its intent. Raises NotFound."""
    attempt: PaymentAttempt | None = (
        PaymentAttempt.objects.select_related("intent").filter(pk=attempt_id).first()
    )
    if attempt is None:
        raise NotFound
    return attempt


def list_attempts(intent: PaymentIntent) -> QuerySet[PaymentAttempt]:
    """All attempts of an intent."""
    found: QuerySet[PaymentAttempt] = PaymentAttempt.objects.filter(intent=intent)
    return found


def list_intent_events(intent: PaymentIntent) -> QuerySet[IntentEvent]:
    """The history of an intent and of its attempts."""
    found: QuerySet[IntentEvent] = IntentEvent.objects.filter(
        psp_id=intent.psp_id,
        merchant_id=intent.merchant_id,
        intent_id=intent.pk,
        created_at__gte=intent.created_at,
    )
    return found


def intent_dto(intent: PaymentIntent) -> PaymentIntentDTO:
    """The intent as other contexts see it."""
    waiting = intent.status == IntentStatus.REQUIRES_ACTION
    return PaymentIntentDTO(
        id=encode("pi", intent.pk),
        status=str(intent.status),
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        method=intent.method,
        provider=intent.provider,
        next_action=intent.next_action if waiting else None,
        last_error=last_error(intent),
        expires_at=intent.expires_at,
        source=intent.source,
        reference=intent.reference,
    )


def last_error(row: PaymentIntent | PaymentAttempt | Capture | Refund) -> dict[str, str] | None:
    """Why the last try did not work, or None."""
    if row.error_code is None:
        return None
    return {"code": row.error_code, "message": row.error_message or ""}
