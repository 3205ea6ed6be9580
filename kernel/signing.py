"""Signed calls between services: HMAC-SHA256 over everything that decides what a call does.

The signature covers method, path, raw query, time, nonce and body, so a captured call can neither be changed nor sent
elsewhere. This module computes and compares; remembering nonces, which makes a call count once, is the caller's part
and comes after a successful `verify`.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from kernel.errors import Unauthenticated

SCHEME = "HMAC-SHA256"
WINDOW_S = 300
_HEADER = re.compile(rf"{SCHEME} ([A-Za-z0-9._-]{{1,64}}):([0-9]{{1,12}}):([0-9a-fA-F]{{64}})")
_NONCE = re.compile(r"[0-9a-fA-F]{16,64}")
_NO_SECRET = "0" * 64  # compared against when the key is unknown, so that the answer takes as long


class SignatureInvalid(Unauthenticated):
    """The signature of this call is not valid."""

    code = "signature_invalid"


class Credentials(NamedTuple):
    """What an `Authorization: HMAC-SHA256 ...` header says."""

    key_id: str
    timestamp: int
    signature: str


def sign(secret: str, *, method: str, path: str, query: str, timestamp: int, nonce: str, body: bytes) -> str:
    """The hex signature of a call; `query` is the raw query string without its question mark."""
    digest = hashlib.sha256(body).hexdigest()
    text = "\n".join((method.upper(), path, query, str(timestamp), nonce, digest))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def authorization(key_id: str, *, timestamp: int, signature: str) -> str:
    """The value of the Authorization header of a signed call."""
    return f"{SCHEME} {key_id}:{timestamp}:{signature}"


def parse_authorization(header: str) -> Credentials:
    """Read the Authorization header of a signed call. Raises SignatureInvalid when it is malformed."""
    match = _HEADER.fullmatch(header)
    if match is None:
        raise SignatureInvalid
    return Credentials(match[1], int(match[2]), match[3].lower())


def verify(
    secrets: Sequence[str],
    credentials: Credentials,
    *,
    method: str,
    path: str,
    query: str,
    nonce: str,
    body: bytes,
    now: datetime,
) -> None:
    """Accept a call signed with any of the key's secrets within 300 s of `now`, or raise SignatureInvalid.

    An unknown key is `secrets=()`; it is refused in the same words and time as a wrong signature.
    """
    matched = False
    for secret in secrets or (_NO_SECRET,):
        expected = sign(
            secret,
            method=method,
            path=path,
            query=query,
            timestamp=credentials.timestamp,
            nonce=nonce,
            body=body,
        )
        matched |= hmac.compare_digest(expected, credentials.signature)
    fresh = abs(now.timestamp() - credentials.timestamp) <= WINDOW_S
    well_formed = _NONCE.fullmatch(nonce) is not None and not any(
        "\n" in part for part in (method, path, query)
    )
    if not (matched and secrets and fresh and well_formed):
        raise SignatureInvalid
