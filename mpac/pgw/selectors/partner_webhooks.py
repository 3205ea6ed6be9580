"""Reads of endpoints, of what partners are told, and of the deliveries and calls made for it."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Model, QuerySet

from kernel.errors import NotFound
from kernel.ids import created_at_of
from mpac.pgw.domain.partner_events import wants
from mpac.pgw.domain.partner_webhooks import EndpointStatus
from mpac.pgw.models import DeliveryAttempt, PartnerEvent, WebhookDelivery, WebhookEndpoint

R = TypeVar("R", bound=Model)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilters:
    """How a list of events may be narrowed; None leaves a side open."""

    type: str | None = None
    object_id: str | None = None
    merchant_id: int | None = None
    store_id: int | None = None
    created_from: dt.datetime | None = None
    created_before: dt.datetime | None = None


def get_endpoint(endpoint_id: uuid.UUID) -> WebhookEndpoint:
    """One endpoint within the open scope. Raises NotFound."""
    found: QuerySet[WebhookEndpoint] = WebhookEndpoint.objects.filter(pk=endpoint_id)
    return _one(found)


def lock_endpoint(endpoint_id: uuid.UUID) -> WebhookEndpoint:
    """The same, held until the transaction ends; deliveries to it can be made meanwhile. Raises NotFound."""
    found: QuerySet[WebhookEndpoint] = WebhookEndpoint.objects.select_for_update(no_key=True)
    return _one(found.filter(pk=endpoint_id))


def list_endpoints() -> "QuerySet[WebhookEndpoint]":
    """All endpoints within the open scope."""
    found: QuerySet[WebhookEndpoint] = WebhookEndpoint.objects.all()
    return found


def list_listeners(*, psp_id: int, livemode: bool, kind: str) -> Sequence[WebhookEndpoint]:
    """The enabled endpoints of one partner and mode that want events of this type."""
    enabled = WebhookEndpoint.objects.filter(
        psp_id=psp_id, livemode=livemode, status=EndpointStatus.ENABLED
    ).order_by("pk")
    return [endpoint for endpoint in enabled if wants(endpoint.event_types, kind)]


def get_event(event_id: uuid.UUID) -> PartnerEvent:
    """One event within the open scope. Raises NotFound."""
    found: QuerySet[PartnerEvent] = PartnerEvent.objects.filter(
        pk=event_id, created_at=created_at_of(event_id)
    )
    return _one(found)


def list_events(filters: EventFilters) -> "QuerySet[PartnerEvent]":
    """The events within the open scope."""
    conditions = {
        "type": filters.type,
        "object_id": filters.object_id,
        "merchant_id": filters.merchant_id,
        "store_id": filters.store_id,
        "created_at__gte": filters.created_from,
        "created_at__lt": filters.created_before,
    }
    given = {name: value for name, value in conditions.items() if value is not None}
    found: QuerySet[PartnerEvent] = PartnerEvent.objects.filter(**given)
    return found


def get_delivery(delivery_id: uuid.UUID) -> WebhookDelivery:
    """One delivery within the open scope. Raises NotFound."""
    found: QuerySet[WebhookDelivery] = WebhookDelivery.objects.filter(
        pk=delivery_id, created_at=created_at_of(delivery_id)
    )
    return _one(found)


def list_deliveries(
    endpoint: WebhookEndpoint, *, status: str | None, event_id: uuid.UUID | None
) -> "QuerySet[WebhookDelivery]":
    """What was to be sent to an endpoint."""
    found: QuerySet[WebhookDelivery] = WebhookDelivery.objects.filter(endpoint=endpoint)
    if status is not None:
        found = found.filter(status=status)
    return found if event_id is None else found.filter(event_id=event_id)


def list_attempts(delivery: WebhookDelivery) -> "QuerySet[DeliveryAttempt]":
    """Every call made for a delivery."""
    found: QuerySet[DeliveryAttempt] = DeliveryAttempt.objects.filter(
        psp_id=delivery.psp_id, delivery_id=delivery.pk
    )
    return found


def _one(found: "QuerySet[R]") -> R:
    row = found.first()
    if row is None:
        raise NotFound
    return row
