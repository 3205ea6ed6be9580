"""Client secrets: what lets a page in a WebView read and confirm one payment intent, and nothing else.

A secret is derived from the intent's id with the platform's key and never stored. It ends a while after its intent.
"""

import base64
import datetime as dt
import hashlib
import hmac
import uuid
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from kernel import clock
from kernel.errors import NotFound, Unauthenticated
from kernel.ids import decode, encode
from kernel.principal import Principal
from kernel.tenancy import SystemScope
from mpac.pgw import conf
from mpac.pgw.db import atomic
from mpac.pgw.selectors.intents import get_intent

SCHEME = "Bearer"
MARK = "_secret_"
PURPOSE = b"mpac.pgw.client-secret.v1:"


class ClientSecretInvalid(Unauthenticated):
    """The client secret is not valid, or its payment intent is over."""

    code = "invalid_token"


class ClientSecretAuthentication(BaseAuthentication):
    """`Authorization: Bearer pi_…_secret_…`."""

    def authenticate(self, request: Request) -> tuple[Principal, Any] | None:
        """The page that holds the secret, or None when the header holds something else."""
        scheme, _, token = request._request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != SCHEME.lower() or not token.startswith("pi_") or MARK not in token:
            return None
        return principal_of(token.strip(), now=clock.now()), None

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


def client_secret(intent_id: uuid.UUID) -> str:
    """The secret of an intent."""
    digest = hmac.digest(conf.client_secret_key(), PURPOSE + intent_id.bytes, hashlib.sha256)
    return encode("pi", intent_id) + MARK + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def principal_of(token: str, *, now: dt.datetime) -> Principal:
    """Who holds this secret. Raises ClientSecretInvalid."""
    public, _, _ = token.partition(MARK)
    try:
        intent_id = decode("pi", public)
        if not hmac.compare_digest(client_secret(intent_id).encode(), token.encode()):
            raise ClientSecretInvalid
        with atomic(SystemScope("authentication")):
            intent = get_intent(intent_id)
    except NotFound:
        raise ClientSecretInvalid from None
    if now > intent.expires_at + dt.timedelta(seconds=conf.CLIENT_SECRET_GRACE_S):
        raise ClientSecretInvalid
    return Principal(
        kind="intent",
        subject=public,
        psp_id=intent.psp_id,
        merchant_id=intent.merchant_id,
        store_ids=(intent.store_id,),
        livemode=intent.livemode,
        intent_id=intent_id,
    )
