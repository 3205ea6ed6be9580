"""Where partners want to be called: making, changing, disabling endpoints, and their signing secrets.

A secret is shown once, when it is made. A rotated one goes on signing for a while, beside its successor.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kernel.crypto import open_sealed, seal
from kernel.errors import FieldError
from kernel.ids import created_at_of, encode, uuid7
from kernel.outbound import OutboundRefused, parse_target
from kernel.outbox import publish
from kernel.tenancy import TenantScope
from mpac.pgw import conf
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.partner_events import ALL, TYPES
from mpac.pgw.domain.partner_webhooks import DisabledBecause, EndpointStatus, new_secret
from mpac.pgw.errors import EventTypeUnknown, TooManyEndpoints, WebhookUrlRefused
from mpac.pgw.events import WebhookEndpointDisabled
from mpac.pgw.models import WebhookEndpoint
from mpac.pgw.models.partner_webhooks import PREFIX, sealing_place
from mpac.pgw.selectors.partner_webhooks import list_endpoints, lock_endpoint

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
REFUSALS = {
    "url_malformed": "This is not a URL that can be called.",
    "url_not_https": "Webhooks are sent over HTTPS only.",
    "port_not_allowed": "The port must be 443 or above 1023.",
    "host_not_allowed": "The host must be a full domain name or a public address.",
    "address_not_public": "The address is not a public one.",
}


@dataclass(frozen=True, slots=True)
class EndpointWithSecret:
    """An endpoint and its new signing secret, which is shown now and never again."""

    endpoint: WebhookEndpoint
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChanges:
    """What a partner changes; None leaves it as it is."""

    url: str | None = None
    description: str | None = None
    event_types: Sequence[str] | None = None
    enabled: bool | None = None


def create_endpoint(
    *,
    scope: TenantScope,
    url: str,
    description: str,
    event_types: Sequence[str],
    livemode: bool,
    now: dt.datetime,
) -> EndpointWithSecret:
    """A new, enabled endpoint. Raises WebhookUrlRefused, EventTypeUnknown and TooManyEndpoints."""
    _check_url(url)
    _check_types(event_types)
    secret, endpoint_id = new_secret(), uuid7()
    with atomic(scope):
        db.execute(ONE_AT_A_TIME, [f"pgw.webhook_endpoints:{scope.psp_id}"])
        if list_endpoints().filter(livemode=livemode).count() >= conf.MAX_ENDPOINTS:
            raise TooManyEndpoints
        endpoint = WebhookEndpoint(
            id=endpoint_id,
            created_at=created_at_of(endpoint_id),
            psp_id=scope.psp_id,
            livemode=livemode,
            url=url,
            description=description,
            event_types=_distinct(event_types),
            secret_sealed=_seal(scope.psp_id, endpoint_id, secret),
            updated_at=now,
        )
        endpoint.save(force_insert=True)
    return EndpointWithSecret(endpoint, secret)


def change_endpoint(
    *, scope: TenantScope, endpoint_id: uuid.UUID, changes: EndpointChanges, now: dt.datetime
) -> WebhookEndpoint:
    """Change what is given; enabling starts afresh. Raises NotFound, WebhookUrlRefused and EventTypeUnknown."""
    with atomic(scope):
        endpoint = lock_endpoint(endpoint_id)
        values: dict[str, Any] = {}
        if changes.url is not None:
            _check_url(changes.url)
            values["url"] = changes.url
        if changes.description is not None:
            values["description"] = changes.description
        if changes.event_types is not None:
            _check_types(changes.event_types)
            values["event_types"] = _distinct(changes.event_types)
        if changes.enabled is not None and changes.enabled != (endpoint.status == EndpointStatus.ENABLED):
            values |= _enabled() if changes.enabled else _disabled(DisabledBecause.ASKED, now=now)
        if values:
            _save(endpoint, values, now=now)
    return endpoint


def disable_endpoint(*, scope: TenantScope, endpoint_id: uuid.UUID, now: dt.datetime) -> WebhookEndpoint:
    """Send nothing more to an endpoint; its history stays. Raises NotFound."""
    changes = EndpointChanges(enabled=False)
    return change_endpoint(scope=scope, endpoint_id=endpoint_id, changes=changes, now=now)


def rotate_secret(
    *, scope: TenantScope, endpoint_id: uuid.UUID, overlap_s: int, now: dt.datetime
) -> EndpointWithSecret:
    """A new signing secret; for `overlap_s` seconds calls are signed with the old one, too. Raises NotFound."""
    secret = new_secret()
    with atomic(scope):
        endpoint = lock_endpoint(endpoint_id)
        values = {
            "previous_secret_sealed": endpoint.secret_sealed,
            "previous_secret_ends_at": now + dt.timedelta(seconds=overlap_s),
            "secret_sealed": _seal(endpoint.psp_id, endpoint.pk, secret),
        }
        _save(endpoint, values, now=now)
    return EndpointWithSecret(endpoint, secret)


def give_endpoint_up(*, endpoint_id: uuid.UUID, because: DisabledBecause, now: dt.datetime) -> None:
    """Stop calling an endpoint that does not answer, and tell its owner. Needs an open transaction; counts once."""
    endpoint = lock_endpoint(endpoint_id)
    if endpoint.status != EndpointStatus.ENABLED:
        return
    failing_since = endpoint.failing_since
    _save(endpoint, _disabled(because, now=now), now=now)
    name = encode(PREFIX, endpoint.pk)
    event = WebhookEndpointDisabled(
        aggregate_id=name,
        psp_id=endpoint.psp_id,
        endpoint_id=name,
        url=endpoint.url,
        reason=because.value,
        failing_since=failing_since,
        livemode=endpoint.livemode,
    )
    publish(db, event, now=now)


def valid_secrets(endpoint: WebhookEndpoint, *, now: dt.datetime) -> tuple[str, ...]:
    """The secrets that a call is signed with now, the newest first. Raises CryptoError."""
    sealed = [endpoint.secret_sealed]
    ends_at = endpoint.previous_secret_ends_at
    if endpoint.previous_secret_sealed is not None and ends_at is not None and now < ends_at:
        sealed.append(endpoint.previous_secret_sealed)
    place = endpoint.sealed_for()
    return tuple(open_sealed(text, aad=place).decode() for text in sealed)


def _save(endpoint: WebhookEndpoint, values: dict[str, Any], *, now: dt.datetime) -> None:
    for name, value in (values | {"updated_at": now}).items():
        setattr(endpoint, name, value)
    endpoint.save(update_fields=[*values, "updated_at"])


def _enabled() -> dict[str, Any]:
    return {
        "status": EndpointStatus.ENABLED,
        "disabled_because": None,
        "disabled_at": None,
        "failing_since": None,
    }


def _disabled(because: DisabledBecause, *, now: dt.datetime) -> dict[str, Any]:
    return {"status": EndpointStatus.DISABLED, "disabled_because": because, "disabled_at": now}


def _check_url(url: str) -> None:
    try:
        parse_target(url, trusted=conf.trusted_webhook_hosts())
    except OutboundRefused as refused:
        raise WebhookUrlRefused(errors=[FieldError("url", refused.code, REFUSALS[refused.code])]) from None


def _check_types(event_types: Sequence[str]) -> None:
    if unknown := sorted(set(event_types) - TYPES - {ALL}):
        message = f"There are no such events: {', '.join(unknown)}."
        raise EventTypeUnknown(errors=[FieldError("event_types", "unknown_type", message)])


def _distinct(event_types: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(event_types))


def _seal(psp_id: int, endpoint_id: uuid.UUID, secret: str) -> str:
    return seal(secret.encode(), aad=sealing_place(psp_id, endpoint_id))
