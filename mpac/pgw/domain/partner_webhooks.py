"""Rules of partners' webhooks: the lives of an endpoint and of a delivery, when to try again, how a call is signed.

Signatures follow Standard Webhooks: HMAC-SHA256 over `id.timestamp.body` under the decoded part of a `whsec_` secret.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with
SECRET_BYTES = 32
# A delivery is tried for this long, and this long again when it is asked for anew.
WINDOW = timedelta(hours=72)
STEPS = (
    *(timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=5)),
    *(
        timedelta(minutes=15),
        timedelta(minutes=30),
        timedelta(hours=1),
        timedelta(hours=2),
        timedelta(hours=4),
    ),
)
LATER = timedelta(hours=8)
JITTER = 0.2
# A claim hides a delivery from other senders for this long, longer than any call may take.
LEASE = timedelta(seconds=60)
GONE = 410
# An endpoint that let a delivery run out, and nothing else through for this long, is disabled.
SILENCE = timedelta(hours=48)


class EndpointStatus(StrEnum):
    """Whether events are sent to an endpoint."""

    ENABLED = "enabled"  # gets what its filter lets through
    DISABLED = "disabled"  # gets nothing: the partner turned it off, or we did


class DisabledBecause(StrEnum):
    """Why an endpoint is disabled."""

    ASKED = "asked"  # the partner did it
    FAILING = "failing"  # nothing got through for the whole window
    GONE = "gone"  # it answered 410, which says so


class DeliveryStatus(StrEnum):
    """One event on its way to one endpoint."""

    PENDING = "pending"  # will be tried
    DELIVERED = "delivered"  # answered with 2xx
    FAILED = "failed"  # given up


ENDPOINT_TRANSITIONS: dict[EndpointStatus, frozenset[EndpointStatus]] = {
    EndpointStatus.ENABLED: frozenset({EndpointStatus.DISABLED}),
    EndpointStatus.DISABLED: frozenset({EndpointStatus.ENABLED}),
}
# What has ended begins again when somebody asks for the event once more.
DELIVERY_TRANSITIONS: dict[DeliveryStatus, frozenset[DeliveryStatus]] = {
    DeliveryStatus.PENDING: frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.FAILED}),
    DeliveryStatus.DELIVERED: frozenset({DeliveryStatus.PENDING}),
    DeliveryStatus.FAILED: frozenset({DeliveryStatus.PENDING}),
}


def new_secret() -> str:
    """A signing secret of 256 random bits, in the form that the verifying libraries take."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, `v1,<base64>`."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def headers(valid: Iterable[str], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one call, signed under every secret that is valid now."""
    signatures = [sign(secret, message_id=message_id, timestamp=timestamp, body=body) for secret in valid]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def next_try_at(*, tries: int, expires_at: datetime, spread: float, now: datetime) -> datetime | None:
    """When to try again after `tries` tries, or None to give up.

    `spread` from 0 to 1 keeps what failed together from coming back together. The last try is at the end of the window.
    """
    if now >= expires_at:
        return None
    step = STEPS[tries - 1] if tries <= len(STEPS) else LATER
    return min(now + step * (1 - JITTER / 2 + JITTER * spread), expires_at)
