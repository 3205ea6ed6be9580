"""Partners' webhook endpoints over HTTP: where to call, and the log of the calls."""

import msgspec

from kernel.ids import decode
from kernel.rest import Endpoint, Page, PageQuery, Request, operation, paginate
from mpac.pgw.db import atomic, db
from mpac.pgw.models import WebhookEndpoint
from mpac.pgw.rest.partner_bodies import (
    ChangeEndpoint,
    CreateEndpoint,
    ListDeliveries,
    ResendRange,
    RotateSecret,
)
from mpac.pgw.rest.partner_views import (
    DELIVERY,
    ENDPOINT,
    EVENT,
    DeliveryAttemptView,
    DeliveryView,
    EndpointView,
    ResendView,
    attempt_view,
    delivery_view,
    endpoint_view,
)
from mpac.pgw.selectors import partner_webhooks as select
from mpac.pgw.services import partner_events, webhook_endpoints
from mpac.pgw.services.webhook_endpoints import EndpointWithSecret


class PartnerEndpoint(Endpoint):
    """What a partner's server does about its own webhooks; test and live keys have theirs apart."""

    callers = frozenset({"partner"})
    partner_scopes = ("webhooks:read", "webhooks:write")
    db = db


class SecretEndpoint(PartnerEndpoint):
    """Answers that hold a new secret. It is put in on the way out, so that the stored answer, and a replay, has none."""

    fresh_secret: str = ""

    def present(self, stored_body: bytes) -> bytes:
        """The answer with the secret, if this very request made it."""
        if not self.fresh_secret:
            return stored_body
        answer = msgspec.json.decode(stored_body)
        return msgspec.json.encode(answer | {"secret": self.fresh_secret})

    def once(self, made: EndpointWithSecret) -> EndpointView:
        """Keep the secret for the answer of this request alone."""
        self.fresh_secret = made.secret
        return endpoint_view(made.endpoint)


class WebhookEndpointsEndpoint(SecretEndpoint):
    """All webhook endpoints of a partner."""

    @operation(
        "webhook_endpoints.create",
        summary="Add a webhook endpoint; the answer shows its signing secret, once",
        body=CreateEndpoint,
        response=EndpointView,
        status=201,
        idempotent=True,
    )
    def post(self, request: Request, body: CreateEndpoint) -> EndpointView:
        return self.once(
            webhook_endpoints.create_endpoint(
                scope=request.user.scope(),
                url=body.url,
                description=body.description,
                event_types=body.event_types,
                livemode=request.user.livemode,
                now=self.now,
            )
        )

    @operation(
        "webhook_endpoints.list",
        summary="List webhook endpoints, newest first",
        query=PageQuery,
        response=Page[EndpointView],
    )
    def get(self, request: Request, query: PageQuery) -> Page[EndpointView]:
        with atomic(request.user.scope()):
            return paginate(select.list_endpoints(), query, endpoint_view)


class OneWebhookEndpointEndpoint(PartnerEndpoint):
    """One webhook endpoint."""

    @operation("webhook_endpoints.get", summary="Read a webhook endpoint", response=EndpointView)
    def get(self, request: Request, endpoint_id: str) -> EndpointView:
        with atomic(request.user.scope()):
            return endpoint_view(select.get_endpoint(decode(ENDPOINT, endpoint_id)))

    @operation(
        "webhook_endpoints.update",
        summary="Change a webhook endpoint, or enable it again",
        body=ChangeEndpoint,
        response=EndpointView,
    )
    def patch(self, request: Request, body: ChangeEndpoint, endpoint_id: str) -> EndpointView:
        changed: WebhookEndpoint = webhook_endpoints.change_endpoint(
            scope=request.user.scope(),
            endpoint_id=decode(ENDPOINT, endpoint_id),
            changes=body.changes(),
            now=self.now,
        )
        return endpoint_view(changed)

    @operation(
        "webhook_endpoints.disable",
        summary="Disable a webhook endpoint; its log stays, and it can be enabled again",
        response=EndpointView,
    )
    def delete(self, request: Request, endpoint_id: str) -> EndpointView:
        disabled = webhook_endpoints.disable_endpoint(
            scope=request.user.scope(), endpoint_id=decode(ENDPOINT, endpoint_id), now=self.now
        )
        return endpoint_view(disabled)


class RotateSecretEndpoint(SecretEndpoint):
    """A new signing secret."""

    @operation(
        "webhook_endpoints.rotate_secret",
        summary="Make a new signing secret, shown once; the old one signs beside it for a while",
        body=RotateSecret,
        response=EndpointView,
        idempotent=True,
    )
    def post(self, request: Request, body: RotateSecret, endpoint_id: str) -> EndpointView:
        return self.once(
            webhook_endpoints.rotate_secret(
                scope=request.user.scope(),
                endpoint_id=decode(ENDPOINT, endpoint_id),
                overlap_s=body.overlap,
                now=self.now,
            )
        )


class ResendRangeEndpoint(PartnerEndpoint):
    """Events of a time, once more."""

    @operation(
        "webhook_endpoints.resend",
        summary="Send an endpoint all events of a time anew, as after an outage of its own",
        body=ResendRange,
        response=ResendView,
        idempotent=True,
        errors=(409,),
    )
    def post(self, request: Request, body: ResendRange, endpoint_id: str) -> ResendView:
        created_from, created_before = body.bounds()
        count = partner_events.resend_range(
            scope=request.user.scope(),
            endpoint_id=decode(ENDPOINT, endpoint_id),
            created_from=created_from,
            created_before=created_before,
            now=self.now,
        )
        return ResendView(
            id=endpoint_id,
            created_at=self.now,
            created_from=created_from,
            created_before=created_before,
            events=count,
        )


class DeliveriesEndpoint(PartnerEndpoint):
    """What was to be sent to an endpoint."""

    @operation(
        "webhook_endpoints.deliveries",
        summary="List the deliveries to a webhook endpoint, newest event first",
        query=ListDeliveries,
        response=Page[DeliveryView],
    )
    def get(self, request: Request, endpoint_id: str, query: ListDeliveries) -> Page[DeliveryView]:
        with atomic(request.user.scope()):
            endpoint = select.get_endpoint(decode(ENDPOINT, endpoint_id))
            event_id = None if query.event_id is None else decode(EVENT, query.event_id)
            found = select.list_deliveries(endpoint, status=query.status, event_id=event_id)
            return paginate(found, query, delivery_view)


class DeliveryAttemptsEndpoint(PartnerEndpoint):
    """Every call made for one delivery."""

    @operation(
        "webhook_deliveries.attempts",
        summary="List the calls made for a delivery, with request and answer, newest first",
        query=PageQuery,
        response=Page[DeliveryAttemptView],
    )
    def get(self, request: Request, delivery_id: str, query: PageQuery) -> Page[DeliveryAttemptView]:
        with atomic(request.user.scope()):
            delivery = select.get_delivery(decode(DELIVERY, delivery_id))
            return paginate(select.list_attempts(delivery), query, attempt_view)
