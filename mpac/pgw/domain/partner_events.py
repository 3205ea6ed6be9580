"""What partners are told: which of the gateway's events, under which names, in which form.

The names are the partners' own and outlive ours. A partner's event carries the identity of ours, so that a call about it
can be traced from the partner's log to our outbox.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from kernel.clock import rfc3339
from kernel.events import BASE_FIELDS, Event
from kernel.ids import encode
from mpac.pgw import events

PREFIX = "evt"
ALL = "*"
# One line for each event that a partner hears of.
TOLD: Mapping[type[Event], str] = {
    events.PaymentIntentCreated: "payment_intent.created",
    events.PaymentIntentProcessing: "payment_intent.processing",
    events.PaymentIntentActionRequired: "payment_intent.action_required",
    events.PaymentIntentAmountCapturable: "payment_intent.amount_capturable",
    events.PaymentIntentSucceeded: "payment_intent.succeeded",
    events.PaymentIntentDeclined: "payment_intent.declined",
    events.PaymentIntentFailed: "payment_intent.failed",
    events.PaymentIntentCancelled: "payment_intent.cancelled",
    events.PaymentIntentExpired: "payment_intent.expired",
    events.LatePaymentReceived: "late_payment.received",
    events.LatePaymentReturnDue: "late_payment.return_due",
    events.RefundCreated: "refund.created",
    events.RefundCompleted: "refund.completed",
    events.RefundFailed: "refund.failed",
    events.RefundCancelled: "refund.cancelled",
    events.RefundReversed: "refund.reversed",
    events.DisputeOpened: "dispute.opened",
    events.DisputeUpdated: "dispute.updated",
    events.DisputeClosed: "dispute.closed",
    events.WebhookEndpointDisabled: "webhook_endpoint.disabled",
}
TYPES = frozenset(TOLD.values())
_NOT_DATA = frozenset({*BASE_FIELDS, "livemode"})


def data_of(event: Event) -> dict[str, Any]:
    """The fields of one of our events as partners read them: amounts without the unit that the API implies."""
    return {
        name.removesuffix("_minor"): rfc3339(value) if isinstance(value, dt.datetime) else value
        for name, value in event.payload().items()
        if name not in _NOT_DATA
    }


def wants(event_types: list[str], kind: str) -> bool:
    """Whether a filter lets events of this type through."""
    return ALL in event_types or kind in event_types


def envelope(
    *,
    event_id: uuid.UUID,
    created_at: dt.datetime,
    kind: str,
    livemode: bool,
    merchant_id: int | None,
    store_id: int | None,
    object_id: str,
    sequence: int,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """An event as a partner gets it, over the API and in a call. `sequence` counts the events of one object from 1."""
    return {
        "id": encode(PREFIX, event_id),
        "object": "event",
        "type": kind,
        "created_at": rfc3339(created_at),
        "livemode": livemode,
        "merchant_id": merchant_id,
        "store_id": store_id,
        "object_id": object_id,
        "sequence": sequence,
        "data": dict(data),
    }
