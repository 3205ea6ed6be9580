"""Telling the others: events of an intent, written to the outbox in the transaction of the change."""

import datetime as dt
from typing import Any, TypeVar

from kernel.ids import encode
from kernel.outbox import publish
from mpac.pgw.db import db
from mpac.pgw.events import DisputeFact, IntentFact, RefundFact
from mpac.pgw.models import Dispute, PaymentIntent, Refund

F = TypeVar("F", bound=IntentFact)
R = TypeVar("R", bound=RefundFact)
D = TypeVar("D", bound=DisputeFact)


def announce(event: type[F], intent: PaymentIntent, *, now: dt.datetime, **extra: Any) -> None:
    """Publish `event` about `intent` as it stands now."""
    publish(db, fact(event, intent, **extra), now=now)


def announce_refund(event: type[R], refund: Refund, *, now: dt.datetime) -> None:
    """Publish `event` about a refund of a locked intent, as both stand now."""
    announce(
        event,
        refund.intent,
        now=now,
        refund_id=encode("re", refund.pk),
        refund_status=str(refund.status),
        refund_amount_minor=refund.amount_minor,
        refund_currency=refund.currency,
        reason=refund.reason,
        manual=refund.manual,
        late=refund.late_payment_id is not None,
        captured_minor=refund.intent.captured_minor,
        refunded_minor=refund.intent.refunded_minor,
        provider_reference=refund.provider_reference,
        error_code=refund.error_code or "",
        error_message=refund.error_message or "",
    )


def announce_dispute(event: type[D], dispute: Dispute, *, now: dt.datetime) -> None:
    """Publish `event` about a dispute of a locked intent, as both stand now."""
    announce(
        event,
        dispute.intent,
        now=now,
        dispute_id=encode("dis", dispute.pk),
        dispute_status=str(dispute.status),
        dispute_amount_minor=dispute.amount_minor,
        dispute_currency=dispute.currency,
        reason=dispute.reason,
        provider_reference=dispute.provider_reference,
        evidence_due_at=dispute.evidence_due_at,
        withdrawn_minor=dispute.withdrawn_minor,
        reinstated_minor=dispute.reinstated_minor,
        funds_currency=dispute.funds_currency,
    )


def fact(event: type[F], intent: PaymentIntent, **extra: Any) -> F:
    """The event with all that every event of an intent tells."""
    intent_id = encode("pi", intent.pk)
    return event(
        aggregate_id=intent_id,
        psp_id=intent.psp_id,
        merchant_id=intent.merchant_id,
        store_id=intent.store_id,
        intent_id=intent_id,
        status=str(intent.status),
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        source=intent.source,
        reference=intent.reference,
        method=intent.method,
        provider=intent.provider,
        livemode=intent.livemode,
        **extra,
    )
