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
from kernel.principal import Principal
from kernel.rest.body import read_body
from kernel.tenancy import SystemScope

SPEND = (
    "INSERT INTO nonces (key_id, nonce, expires_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1"
)
KEEP = dt.timedelta(seconds=2 * signing.WINDOW_S)


class ServiceAuthentication(BaseAuthentication):
    """A service that holds one of the configured keys."""

    def authenticate(self, request: Request) -> tuple[Principal, Any] | None:
        http: HttpRequest = request._request
        header = http.headers.get("Authorization", "")
        if not header.startswith(f"{signing.SCHEME} "):
            return None
        credentials = signing.parse_authorization(header)
        nonce = http.headers.get("X-MPAC-Nonce", "")
        now = clock.now()
        signing.verify(
            settings.MPAC_SERVICE_KEYS.get(credentials.key_id, ()),
            credentials,
            method=http.method or "",
            path=http.path,
            query=http.META.get("QUERY_STRING", ""),
            nonce=nonce,
            body=read_body(http, limit=settings.MPAC_MAX_SERVICE_BODY_BYTES),
            now=now,
        )
        spend(ContextDb("sync", alias="sync"), credentials.key_id, nonce, now=now)
        return Principal(kind="service", subject=credentials.key_id), None

    def authenticate_header(self, request: Request) -> str:
        return signing.SCHEME


def spend(db: ContextDb, key_id: str, nonce: str, *, now: dt.datetime) -> None:
    """Use up a nonce. Raises SignatureInvalid when it has been used before."""
    with db.atomic(SystemScope("service")):
        if not db.execute(SPEND, [key_id, nonce.lower(), now + KEEP]):
            raise signing.SignatureInvalid
