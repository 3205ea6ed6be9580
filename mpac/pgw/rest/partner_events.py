"""The events that a partner is told, for reading and for having them sent anew."""

from kernel.ids import decode
from kernel.rest import Page, Request, operation, paginate
from mpac.pgw.db import atomic
from mpac.pgw.rest.partner_bodies import ListPartnerEvents, ResendEvent
from mpac.pgw.rest.partner_views import ENDPOINT, EVENT, EventView, event_view
from mpac.pgw.rest.webhook_endpoints import PartnerEndpoint
from mpac.pgw.selectors import partner_webhooks as select
from mpac.pgw.services import partner_events


class EventsEndpoint(PartnerEndpoint):
    """All events of a partner."""

    @operation(
        "events.list", summary="List events, newest first", query=ListPartnerEvents, response=Page[EventView]
    )
    def get(self, request: Request, query: ListPartnerEvents) -> Page[EventView]:
        with atomic(request.user.scope()):
            return paginate(select.list_events(query.filters()), query, event_view)


class OneEventEndpoint(PartnerEndpoint):
    """One event."""

    @operation("events.get", summary="Read an event", response=EventView)
    def get(self, request: Request, event_id: str) -> EventView:
        with atomic(request.user.scope()):
            return event_view(select.get_event(decode(EVENT, event_id)))


class ResendEventEndpoint(PartnerEndpoint):
    """An event, once more."""

    @operation(
        "events.resend",
        summary="Send an event anew, under the same webhook-id, to one endpoint or to all that want it",
        body=ResendEvent,
        response=EventView,
        idempotent=True,
        errors=(409,),
    )
    def post(self, request: Request, body: ResendEvent, event_id: str) -> EventView:
        wanted = body.webhook_endpoint_id
        told = partner_events.resend_event(
            scope=request.user.scope(),
            event_id=decode(EVENT, event_id),
            endpoint_id=None if wanted is None else decode(ENDPOINT, wanted),
            now=self.now,
        )
        return event_view(told)
