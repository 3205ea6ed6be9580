"""Short ways to a partner's endpoints and to what was sent to them."""

import base64
import datetime as dt
import hashlib
import hmac
import threading
from collections.abc import Callable

import orjson

from kernel import clock, ids
from kernel.relay import deliver_due
from kernel.tenancy import SystemScope, TenantScope
from mpac.pgw.adapters.partners.client import Call, CallRecord
from mpac.pgw.db import atomic, db
from mpac.pgw.models import DeliveryAttempt, PartnerEvent, WebhookDelivery, WebhookEndpoint
from mpac.pgw.services import partner_events
from mpac.pgw.services.partner_calls import send_due_webhooks
from mpac.pgw.services.webhook_endpoints import EndpointWithSecret, create_endpoint

ALL_TENANTS = SystemScope("partner_calls")
PARTNER = TenantScope(1)
URL = "https://hooks.example.com/mpac"


class Sent:
    """Stands where the client stands: keeps the calls and answers as it is told, by URL."""

    def __init__(self, status: int = 204) -> None:
        self.calls: list[Call] = []
        self.status = status
        self.by_url: dict[str, int | Callable[[Call], int]] = {}
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> CallRecord:
        with self._lock:
            self.calls.append(call)
        answer = self.by_url.get(call.url, self.status)
        code = answer(call) if callable(answer) else answer
        return CallRecord(request_headers={}, request_body="", status_code=code)

    @property
    def bodies(self) -> list[dict]:
        return [orjson.loads(call.body) for call in self.calls]

    @property
    def ids(self) -> list[str]:
        return [call.message_id for call in self.calls]


def endpoint(*, now: dt.datetime, scope: TenantScope = PARTNER, url: str = URL, livemode=False, **changes):
    made: EndpointWithSecret = create_endpoint(
        scope=scope,
        url=url,
        description="",
        event_types=changes.pop("event_types", ["*"]),
        livemode=livemode,
        now=now,
    )
    return made


def relay() -> None:
    """Deliver what was published, until nothing is due."""
    while deliver_due(db, now=clock.now() + dt.timedelta(days=365)):
        pass


def send(sent: Sent, *, now: dt.datetime) -> int:
    return send_due_webhooks(now=now, send=sent)


def rows(model: type) -> list:
    with atomic(ALL_TENANTS):
        return list(model.objects.order_by("pk"))


def events_told() -> list[PartnerEvent]:
    return rows(PartnerEvent)


def deliveries() -> list[WebhookDelivery]:
    return rows(WebhookDelivery)


def attempts() -> list[DeliveryAttempt]:
    return rows(DeliveryAttempt)


def read(made: EndpointWithSecret) -> WebhookEndpoint:
    with atomic(ALL_TENANTS):
        found: WebhookEndpoint = WebhookEndpoint.objects.get(pk=made.endpoint.pk)
    return found


def is_signed(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether a verifying library would take a call, written down anew from the standard."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(each == f"v1,{expected}" for each in headers["webhook-signature"].split(" "))


def fill(count, endpoints, *, now, psp_id=1, merchant_id=11, store_id=111):
    """Events of as many objects, each on its way to every endpoint; the first endpoint's come first."""
    told = []
    for _ in range(count):
        key = ids.uuid7()
        told.append(
            PartnerEvent(
                id=key,
                created_at=ids.created_at_of(key),
                psp_id=psp_id,
                merchant_id=merchant_id,
                store_id=store_id,
                livemode=False,
                type="payment_intent.created",
                object_id=ids.encode("pi", key),
                sequence=1,
                data={},
            )
        )
    with atomic(ALL_TENANTS):
        PartnerEvent.objects.bulk_create(told)
        for made in endpoints:
            pairs = [(event, made.endpoint.pk) for event in told]
            partner_events._open_deliveries(
                pairs, now=now - dt.timedelta(hours=1) if made is endpoints[0] else now
            )


def pending(made):
    with atomic(ALL_TENANTS):
        return db.execute(
            "SELECT count(*) FROM webhook_deliveries WHERE status = 'pending' AND endpoint_id = ANY(%s)",
            [[each.endpoint.pk for each in made]],
        )[0][0]
