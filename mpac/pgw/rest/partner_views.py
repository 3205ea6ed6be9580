"""What partners get: their endpoints, the events they are told, and the log of the calls."""

import datetime as dt
from typing import Any

import msgspec

from kernel.ids import encode
from kernel.rest import View
from mpac.pgw.domain import partner_events
from mpac.pgw.models import DeliveryAttempt, PartnerEvent, WebhookDelivery, WebhookEndpoint, partner_webhooks
from mpac.pgw.services.partner_events import as_told

ENDPOINT, EVENT, DELIVERY, ATTEMPT = partner_webhooks.PREFIX, partner_events.PREFIX, "wd", "wa"


class EndpointView(View, kw_only=True):
    """A webhook endpoint. `secret` is there once, when it has just been made."""

    id: str
    object: str = "webhook_endpoint"
    created_at: dt.datetime
    updated_at: dt.datetime
    url: str
    description: str
    event_types: list[str]
    status: str
    disabled_because: str | None
    disabled_at: dt.datetime | None
    failing_since: dt.datetime | None
    previous_secret_ends_at: dt.datetime | None
    livemode: bool
    secret: str | msgspec.UnsetType = msgspec.UNSET


class EventView(View, kw_only=True):
    """An event, exactly as a call to an endpoint carries it."""

    id: str
    object: str
    type: str
    created_at: str
    livemode: bool
    merchant_id: int | None
    store_id: int | None
    object_id: str
    sequence: int
    data: dict[str, Any]


class DeliveryView(View, kw_only=True):
    """One event on its way to one endpoint."""

    id: str
    object: str = "webhook_delivery"
    created_at: dt.datetime
    webhook_endpoint_id: str
    event_id: str
    event_type: str
    status: str
    tries: int
    next_try_at: dt.datetime | None
    expires_at: dt.datetime
    delivered_at: dt.datetime | None
    last_status_code: int | None
    last_error: str | None
    livemode: bool


class DeliveryAttemptView(View, kw_only=True):
    """One call: what was sent and what came back, cut short and without secrets."""

    id: str
    object: str = "webhook_attempt"
    created_at: dt.datetime
    webhook_delivery_id: str
    event_id: str
    number: int
    url: str
    request_headers: dict[str, str]
    request_body: str
    status_code: int | None
    response_headers: dict[str, str]
    response_body: str
    error: str | None
    duration_ms: int
    livemode: bool


class ResendView(View, kw_only=True):
    """How many events an endpoint is sent anew."""

    id: str
    object: str = "webhook_resend"
    created_at: dt.datetime
    created_from: dt.datetime
    created_before: dt.datetime
    events: int


def endpoint_view(endpoint: WebhookEndpoint) -> EndpointView:
    """An endpoint without its secret: this form may be stored."""
    return EndpointView(
        id=encode(ENDPOINT, endpoint.pk),
        created_at=endpoint.created_at,
        updated_at=endpoint.updated_at,
        url=endpoint.url,
        description=endpoint.description,
        event_types=endpoint.event_types,
        status=str(endpoint.status),
        disabled_because=None if endpoint.disabled_because is None else str(endpoint.disabled_because),
        disabled_at=endpoint.disabled_at,
        failing_since=endpoint.failing_since,
        previous_secret_ends_at=endpoint.previous_secret_ends_at,
        livemode=endpoint.livemode,
    )


def event_view(told: PartnerEvent) -> EventView:
    """An event as the API shows it."""
    return EventView(**as_told(told))


def delivery_view(delivery: WebhookDelivery) -> DeliveryView:
    """A delivery as the API shows it."""
    return DeliveryView(
        id=encode(DELIVERY, delivery.pk),
        created_at=delivery.created_at,
        webhook_endpoint_id=encode(ENDPOINT, delivery.endpoint_id),
        event_id=encode(EVENT, delivery.event_id),
        event_type=delivery.event_type,
        status=str(delivery.status),
        tries=delivery.tries,
        next_try_at=delivery.next_try_at,
        expires_at=delivery.expires_at,
        delivered_at=delivery.delivered_at,
        last_status_code=delivery.last_status_code,
        last_error=delivery.last_error or None,
        livemode=delivery.livemode,
    )


def attempt_view(attempt: DeliveryAttempt) -> DeliveryAttemptView:
    """A call as the API shows it."""
    return DeliveryAttemptView(
        id=encode(ATTEMPT, attempt.pk),
        created_at=attempt.created_at,
        webhook_delivery_id=encode(DELIVERY, attempt.delivery_id),
        event_id=encode(EVENT, attempt.event_id),
        number=attempt.number,
        url=attempt.url,
        request_headers=attempt.request_headers,
        request_body=attempt.request_body,
        status_code=attempt.status_code,
        response_headers=attempt.response_headers,
        response_body=attempt.response_body,
        error=attempt.error or None,
        duration_ms=attempt.duration_ms,
        livemode=attempt.livemode,
    )
