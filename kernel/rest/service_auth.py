"""Authentication of signed service calls: `Authorization: HMAC-SHA256 <key id>:<unix seconds>:<signature>`.

A nonce is spent by inserting it, so it counts once even for two requests at the same instant and after a Redis flush.
"""

import datetime as dt
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from kernel import clock, signing
from kernel.db import ContextDb
from kernel.errors import Unauthenticated
from kernel.principal import Principal
from kernel.rest.body import read_body
from kernel.tenancy import SystemScope

SCHEME = "HMAC-SHA256"
SPEND = "INSERT INTO nonces (key_id, nonce, expires_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1"
DB = ContextDb("sync", alias="sync")


class BadSignature(Unauthenticated):
    """The signature of this call is not valid."""

    code = "invalid_signature"


class ServiceAuthentication(BaseAuthentication):
    """A service that holds one of the configured keys."""

    def authenticate(self, request: Request) -> tuple[Principal, Any] | None:
        header = request._request.headers.get("Authorization", "")
        if not header.startswith(f"{SCHEME} "):
            return None
        key_id, _, rest = header.removeprefix(f"{SCHEME} ").partition(":")
        timestamp, _, signature = rest.partition(":")
        secrets = settings.MPAC_SERVICE_KEYS.get(key_id, [])
        now = clock.now()
        verify_call(request._request, secrets, timestamp=timestamp, signature=signature, now=now)
        nonce = request._request.headers["X-MPAC-Nonce"]
        with DB.atomic(SystemScope("service")):
            if not DB.execute(SPEND, [key_id, nonce, now + dt.timedelta(seconds=2 * signing.WINDOW_S)]):
                raise BadSignature
        return Principal(kind="service", subject=key_id), None

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


def verify_call(
    request: HttpRequest, secrets: list[str], *, timestamp: str, signature: str, now: dt.datetime
) -> None:
    """Check the signature over exactly what was sent. Raises BadSignature."""
    raise NotImplementedError
