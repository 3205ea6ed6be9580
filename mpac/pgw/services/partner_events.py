"""What partners are told: keeping it, and opening its way to the endpoints that want it, for the first time or again."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from kernel.handlers import Fact
from kernel.ids import created_at_of, parse, uuid7
from kernel.tenancy import TenantScope
from mpac.pgw import conf
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.partner_events import ALL, TOLD, data_of, envelope, wants
from mpac.pgw.domain.partner_webhooks import WINDOW, DeliveryStatus, EndpointStatus
from mpac.pgw.errors import EndpointDisabled, NobodyListens, TooManyEvents
from mpac.pgw.models import PartnerEvent, WebhookDelivery, WebhookEndpoint
from mpac.pgw.selectors.partner_webhooks import (
    EventFilters,
    get_endpoint,
    get_event,
    list_events,
    list_listeners,
)

BATCH = 500
# Events of one object come one after the other; one that was parked and replayed may meet its successor here.
ONE_AT_A_TIME = """
    SELECT pg_advisory_xact_lock(hashtextextended('pgw.partner_events:' || object_id, 0))
    FROM (SELECT DISTINCT object_id FROM unnest(%s::text[]) AS object_id ORDER BY object_id) AS objects
"""
# Every event of every intent passes here, so that keeping many and asking who wants them is one statement.
RECORD = """
    WITH facts AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(created_at)s::timestamptz[], %(merchant_ids)s::int[], %(store_ids)s::int[],
                             %(livemode)s::boolean[], %(types)s::text[], %(object_ids)s::text[],
                             %(objects_created_at)s::timestamptz[], %(data)s::text[])
        AS fact (id, created_at, merchant_id, store_id, livemode, type, object_id, object_created_at, data)
    ), told AS (
        INSERT INTO partner_events (id, created_at, psp_id, merchant_id, store_id, livemode, type, object_id, sequence, data)
        SELECT id, created_at, %(psp_id)s, merchant_id, store_id, livemode, type, object_id,
               row_number() OVER (PARTITION BY object_id ORDER BY id) + coalesce((
                   SELECT max(sequence) FROM partner_events earlier
                   WHERE psp_id = %(psp_id)s AND earlier.object_id = facts.object_id
                     AND earlier.created_at >= facts.object_created_at
               ), 0),
               data::jsonb
        FROM facts
    )
    SELECT facts.id, endpoint.id FROM facts JOIN webhook_endpoints endpoint
    ON endpoint.psp_id = %(psp_id)s AND endpoint.livemode = facts.livemode AND endpoint.status = 'enabled'
       AND endpoint.event_types ?| ARRAY[%(all)s, facts.type]
"""


def record_events(facts: Sequence[Fact], *, now: dt.datetime) -> None:
    """Keep events of one partner as what it is told, and open a delivery to every endpoint that wants one.

    Needs an open transaction; the caller sees to it that an event is recorded once.
    """
    told = {fact.event_id: _told(fact) for fact in facts}
    object_ids = [each.object_id for each in told.values()]
    values = {
        "psp_id": int(facts[0].event.psp_id or 0),
        "all": ALL,
        "ids": list(told),
        "created_at": [each.created_at for each in told.values()],
        "merchant_ids": [each.merchant_id for each in told.values()],
        "store_ids": [each.store_id for each in told.values()],
        "livemode": [each.livemode for each in told.values()],
        "types": [each.type for each in told.values()],
        "object_ids": object_ids,
        "objects_created_at": [created_at_of(parse(object_id)[1]) for object_id in object_ids],
        "data": [orjson.dumps(each.data).decode() for each in told.values()],
    }
    db.execute(ONE_AT_A_TIME, [object_ids])
    if wanted := db.execute(RECORD, values):
        _open_deliveries([(told[event_id], endpoint_id) for event_id, endpoint_id in wanted], now=now)


def _told(fact: Fact) -> PartnerEvent:
    """What a partner is told of one of our events, but for its number among those of its object."""
    event = fact.event
    return PartnerEvent(
        id=fact.event_id,
        created_at=created_at_of(fact.event_id),
        psp_id=int(event.psp_id or 0),
        merchant_id=event.merchant_id,
        store_id=event.store_id,
        livemode=event.payload()["livemode"],
        type=TOLD[type(event)],
        object_id=event.aggregate_id,
        data=data_of(event),
    )


def resend_event(
    *, scope: TenantScope, event_id: uuid.UUID, endpoint_id: uuid.UUID | None, now: dt.datetime
) -> PartnerEvent:
    """Send an event anew, to one endpoint or to all that want it. Raises NotFound, EndpointDisabled and NobodyListens."""
    with atomic(scope):
        told = get_event(event_id)
        listeners: Sequence[WebhookEndpoint]
        if endpoint_id is not None:
            listeners = [_enabled_endpoint(endpoint_id)]
        else:
            listeners = list_listeners(psp_id=told.psp_id, livemode=told.livemode, kind=told.type)
        if not listeners:
            raise NobodyListens
        _open_deliveries([(told, endpoint.pk) for endpoint in listeners], now=now)
    return told


def resend_range(
    *,
    scope: TenantScope,
    endpoint_id: uuid.UUID,
    created_from: dt.datetime,
    created_before: dt.datetime,
    now: dt.datetime,
) -> int:
    """Send an endpoint all events of a time that its filter lets through, delivered or not; returns how many.

    Raises NotFound, EndpointDisabled and TooManyEvents.
    """
    with atomic(scope):
        endpoint = _enabled_endpoint(endpoint_id)
        within = EventFilters(created_from=created_from, created_before=created_before)
        found = list(
            list_events(within).filter(livemode=endpoint.livemode).order_by("pk")[: conf.MAX_RESENT + 1]
        )
        if len(found) > conf.MAX_RESENT:
            raise TooManyEvents
        wanted = [(told, endpoint.pk) for told in found if wants(endpoint.event_types, told.type)]
        _open_deliveries(wanted, now=now)
    return len(wanted)


def as_told(told: PartnerEvent) -> dict[str, Any]:
    """An event as its partner reads it, the same in every answer and every call."""
    return envelope(
        event_id=told.pk,
        created_at=told.created_at,
        kind=told.type,
        livemode=told.livemode,
        merchant_id=told.merchant_id,
        store_id=told.store_id,
        object_id=told.object_id,
        sequence=told.sequence,
        data=told.data,
    )


def _enabled_endpoint(endpoint_id: uuid.UUID) -> WebhookEndpoint:
    endpoint = get_endpoint(endpoint_id)
    if endpoint.status != EndpointStatus.ENABLED:
        raise EndpointDisabled
    return endpoint


def _open_deliveries(pairs: Iterable[tuple[PartnerEvent, uuid.UUID]], *, now: dt.datetime) -> None:
    """A delivery for each pair, or the one that is there again from its beginning."""
    WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(
                id=uuid7(at=told.created_at),
                created_at=told.created_at,
                psp_id=told.psp_id,
                livemode=told.livemode,
                endpoint_id=endpoint_id,
                event_id=told.pk,
                event_type=told.type,
                status=DeliveryStatus.PENDING,
                next_try_at=now,
                expires_at=now + WINDOW,
            )
            for told, endpoint_id in pairs
        ],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["psp_id", "endpoint", "event_id", "created_at"],
        update_fields=["status", "tries", "next_try_at", "expires_at"],
    )
