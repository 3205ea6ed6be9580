"""What partners send about their webhook endpoints and events."""

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from kernel.outbound import MAX_URL
from kernel.rest import Body, PageQuery
from kernel.rest.moments import Moment, moment, moment_if_any
from mpac.pgw import conf
from mpac.pgw.domain.partner_events import ALL
from mpac.pgw.domain.partner_webhooks import DeliveryStatus
from mpac.pgw.rest.bodies import Id
from mpac.pgw.selectors.partner_webhooks import EventFilters
from mpac.pgw.services.webhook_endpoints import EndpointChanges

Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[!-~]+$", max_length=MAX_URL)]
Description = Annotated[str, msgspec.Meta(max_length=500)]
EventType = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
EventTypes = Annotated[list[EventType], msgspec.Meta(min_length=1, max_length=100)]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class CreateEndpoint(Body, kw_only=True):
    """Where to call, and about what: types of events, or `*` for all there are and will be."""

    url: Url
    description: Description = ""
    event_types: EventTypes = msgspec.field(default_factory=lambda: [ALL])


class ChangeEndpoint(Body, kw_only=True):
    """What to change."""

    url: Url | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    event_types: EventTypes | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET

    def changes(self) -> EndpointChanges:
        """The same for the service."""
        given = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}
        return EndpointChanges(**given)


class RotateSecret(Body, kw_only=True):
    """For how many seconds calls carry a signature by the old secret, too."""

    overlap: Annotated[int, msgspec.Meta(ge=0, le=conf.MAX_SECRET_OVERLAP_S)] = conf.DEFAULT_SECRET_OVERLAP_S


class ResendEvent(Body, kw_only=True):
    """To one endpoint, or to all that want events of this type."""

    webhook_endpoint_id: Identifier | None = None


class ResendRange(Body, kw_only=True):
    """Which events: from one instant on, up to another."""

    created_from: Moment
    created_before: Moment

    def bounds(self) -> tuple[dt.datetime, dt.datetime]:
        """Both instants. Raises Invalid when there is no such day."""
        return moment("created_from", self.created_from), moment("created_before", self.created_before)


class ListPartnerEvents(PageQuery, kw_only=True):
    """How the list of events may be narrowed."""

    type: EventType | None = None
    object_id: Identifier | None = None
    merchant_id: Id | None = None
    store_id: Id | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None

    def filters(self) -> EventFilters:
        """The same for the selector."""
        return EventFilters(
            type=self.type,
            object_id=self.object_id,
            merchant_id=self.merchant_id,
            store_id=self.store_id,
            created_from=moment_if_any("created_from", self.created_from),
            created_before=moment_if_any("created_before", self.created_before),
        )


class ListDeliveries(PageQuery, kw_only=True):
    """How the list of deliveries may be narrowed."""

    status: DeliveryStatus | None = None
    event_id: Identifier | None = None
