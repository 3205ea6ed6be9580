"""Who is at the other end of a terminal's WebSocket: the token, where it was put, and how long it still counts."""

import base64
import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

import orjson

from kernel.errors import Unauthenticated
from kernel.tenancy import TenantScope
from mpac.portal import api as portal

PROTOCOL = "mpac.v1"
_BEARER_PROTOCOL = "bearer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """An authenticated terminal and the token it showed last."""

    device_id: uuid.UUID
    scope: TenantScope
    token: str
    expires_at: dt.datetime


def token_of(scope: dict[str, Any]) -> str | None:
    """Return the token of a handshake: from `Authorization: Bearer`, else from the offered subprotocols."""
    for name, value in scope.get("headers", ()):
        if name.lower() == b"authorization":
            kind, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if kind.lower() == "bearer" else None
    for offered in scope.get("subprotocols", ()):
        if offered.startswith(_BEARER_PROTOCOL):
            return str(offered.removeprefix(_BEARER_PROTOCOL))
    return None


def subprotocol_of(scope: dict[str, Any]) -> str | None:
    """Return the subprotocol to answer with; never the token."""
    return PROTOCOL if PROTOCOL in scope.get("subprotocols", ()) else None


def authenticate(token: str | None, *, now: dt.datetime) -> Terminal:
    """Return the terminal a token belongs to. Raises Unauthenticated for anybody else."""
    if not token:
        raise Unauthenticated
    principal = portal.authenticate_token(token, now=now)
    if principal.kind != "device" or principal.device_id is None:
        raise Unauthenticated
    return Terminal(
        device_id=principal.device_id, scope=principal.scope(), token=token, expires_at=_expiry_of(token)
    )


def _expiry_of(verified_token: str) -> dt.datetime:
    """Read `exp` of a token whose signature has just been checked."""
    payload = verified_token.split(".")[1]
    claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return dt.datetime.fromtimestamp(int(claims["exp"]), dt.UTC)
