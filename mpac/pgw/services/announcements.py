"""Telling the others: events of an intent, written to the outbox in the transaction of the change."""

import datetime as dt
from typing import Any, TypeVar

from kernel.ids import encode
from kernel.outbox import publish
from mpac.pgw.db import db
from mpac.pgw.events import IntentFact
from mpac.pgw.models import PaymentIntent

F = TypeVar("F", bound=IntentFact)


def announce(event: type[F], intent: PaymentIntent, *, now: dt.datetime, **extra: Any) -> None:
    """Publish `event` about `intent` as it stands now."""
    publish(db, fact(event, intent, **extra), now=now)


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
