"""Signed statements of a terminal: client assertions (RFC 7523) and activation proofs.

`read` takes a compact JWS apart without believing it; `verify` believes it when the key it is given made it. Both pin
ES256 and refuse header tricks. `check_claims` holds the rules about who, for whom, and until when.
"""

import binascii
import datetime as dt
import math
from base64 import urlsafe_b64decode
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHM = "ES256"
# A client whose clock runs this much ahead of ours may still use the whole lifetime.
EXPIRY_SKEW_S = 5
# `iat` and `nbf` are statements of the client's clock; a terminal's clock may be a little fast.
CLOCK_SKEW_S = 60
MAX_LENGTH = 4096
MAX_JTI_LENGTH = 255
TYPES = frozenset({"JWT", "client-authentication+jwt"})
PARTS = 3


class Refused(ValueError):
    """A statement that is not to be believed; the message says why, without quoting it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A compact JWS taken apart. Nothing in it is true before `verify`."""

    token: str
    kid: str | None
    claims: dict[str, Any]

    @property
    def subject(self) -> str:
        subject = self.claims.get("sub")
        return subject if isinstance(subject, str) else ""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a checked statement says."""

    jti: str
    expires_at: dt.datetime


def read(token: str) -> Statement:
    """Take a statement apart. Raises Refused when it is malformed or not ES256."""
    parts = token.split(".")
    if len(token) > MAX_LENGTH or len(parts) != PARTS:
        msg = "not a compact JWS"
        raise Refused(msg)
    header, claims = _json_object(parts[0]), _json_object(parts[1])
    if header.get("alg") != ALGORITHM:
        msg = "alg must be ES256"
        raise Refused(msg)
    if header.keys() & {"crit", "jwk", "jku", "x5c", "x5u", "b64"}:
        msg = "the header may hold alg, kid and typ"
        raise Refused(msg)
    if "typ" in header and header["typ"] not in TYPES:
        msg = "typ must be JWT or client-authentication+jwt"
        raise Refused(msg)
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        msg = "kid must be a string"
        raise Refused(msg)
    return Statement(token, kid, claims)


def require_kid(statement: Statement, names: Collection[str]) -> None:
    """Raises Refused when the statement says that another key signed it; it need not say which."""
    if statement.kid is not None and statement.kid not in names:
        msg = "kid names another key"
        raise Refused(msg)


def verify(statement: Statement, key: ECKey) -> None:
    """Raises Refused unless `key` signed the statement."""
    if not is_signed_by(statement, key):
        msg = "the signature does not verify"
        raise Refused(msg)


def is_signed_by(statement: Statement, key: ECKey) -> bool:
    """Whether `key` signed the statement."""
    try:
        jws.deserialize_compact(statement.token, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        return False
    return True


def check_claims(
    claims: dict[str, Any], *, audiences: Collection[str], max_lifetime_s: int, now: dt.datetime
) -> Claims:
    """Check iss = sub, aud, exp, nbf, iat and jti. Raises Refused.

    `aud` must be a single string: a list would let another server's assertion count here (RFC 7523bis).
    """
    subject, audience, jti = claims.get("sub"), claims.get("aud"), claims.get("jti")
    if not isinstance(subject, str) or not subject or claims.get("iss") != subject:
        msg = "iss and sub must both be the client"
        raise Refused(msg)
    if not isinstance(audience, str) or audience not in audiences:
        msg = "aud must be the issuer, as a single string"
        raise Refused(msg)
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI_LENGTH or "\x00" in jti:
        msg = "jti must be a string of 1-255 characters"
        raise Refused(msg)
    now_s = now.timestamp()
    exp = _instant(claims, "exp")
    if exp is None or exp <= now_s:
        msg = "exp is missing or has passed"
        raise Refused(msg)
    if exp > now_s + max_lifetime_s + EXPIRY_SKEW_S:
        msg = f"exp must be at most {max_lifetime_s} s ahead"
        raise Refused(msg)
    for name in ("nbf", "iat"):
        instant = _instant(claims, name)
        if instant is not None and instant > now_s + CLOCK_SKEW_S:
            msg = f"{name} lies in the future"
            raise Refused(msg)
    return Claims(jti, dt.datetime.fromtimestamp(math.ceil(exp), dt.UTC))


def _instant(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        msg = f"{name} must be a number of seconds"
        raise Refused(msg)
    return value


def _json_object(part: str) -> dict[str, Any]:
    try:
        value = orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        value = None
    if not isinstance(value, dict):
        msg = "not a compact JWS of JSON objects"
        raise Refused(msg)
    return value
