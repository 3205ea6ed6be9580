"""Believing access tokens. A signature is checked once a process; its claims are kept until the token expires.

What can change while a token lives (its key, a revocation) is asked of `trust` at every use.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError

from kernel import ids
from kernel.errors import NotFound, Unauthenticated
from kernel.principal import Principal
from mpac.portal import conf
from mpac.portal.models.session import PREFIX as SESSION
from mpac.portal.services.revocations import session_subject, token_subject
from mpac.portal.services.trust import TrustReader, trust_reader

TYPE = "at+jwt"
ALGORITHM = "ES256"
MAX_TOKEN_LENGTH = 4096
MAX_CACHED_TOKENS = 20_000
# A key that a sibling process made a moment ago is looked for once more, but not for every forged token.
UNKNOWN_KEY_MAX_AGE_S = 0.5
KINDS = frozenset({"device", "person"})


class InvalidToken(Unauthenticated):
    """The access token is not valid."""

    code = "invalid_token"


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token whose signature and claims were good; `subjects` are the names under which it can be revoked."""

    principal: Principal
    kid: str
    subjects: tuple[str, ...]
    issued_at: dt.datetime
    expires_at: dt.datetime


class TokenVerifier:
    """The verified tokens of one process."""

    def __init__(self, reader: TrustReader) -> None:
        self._reader = reader
        self._tokens: dict[bytes, VerifiedToken] = {}

    def authenticate(self, token: str, *, now: dt.datetime) -> Principal:
        """Whose token this is. Raises InvalidToken when it cannot be believed now."""
        digest = hashlib.sha256(token.encode()).digest()
        verified = self._tokens.get(digest)
        if verified is None:
            verified = self._verify(token, now)
            self._keep(digest, verified, now)
        if now >= verified.expires_at:
            self._tokens.pop(digest, None)
            raise InvalidToken
        trust = self._reader.at(now)
        if verified.kid not in trust.keys or trust.refuses(verified.subjects, verified.issued_at):
            raise InvalidToken
        return verified.principal

    def forget(self) -> None:
        """Verify everything anew."""
        self._tokens.clear()

    def _verify(self, token: str, now: dt.datetime) -> VerifiedToken:
        if len(token) > MAX_TOKEN_LENGTH:
            raise InvalidToken
        trust = self._reader.at(now)
        try:
            header = jws.extract_compact(token.encode()).headers()
            kid = header["kid"]
            if header.get("typ") != TYPE or "crit" in header:
                raise InvalidToken
            key = trust.keys.get(kid) or self._reader.at(now, max_age_s=UNKNOWN_KEY_MAX_AGE_S).keys[kid]
            claims = orjson.loads(jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload)
            return _verified(kid, claims, now)
        except (JoseError, NotFound, ValueError, KeyError, TypeError):
            raise InvalidToken from None

    def _keep(self, digest: bytes, verified: VerifiedToken, now: dt.datetime) -> None:
        if len(self._tokens) >= MAX_CACHED_TOKENS:
            self._tokens = {key: kept for key, kept in list(self._tokens.items()) if kept.expires_at > now}
            if len(self._tokens) >= MAX_CACHED_TOKENS:
                self._tokens = {}
        self._tokens[digest] = verified


def _verified(kid: str, claims: dict[str, Any], now: dt.datetime) -> VerifiedToken:
    """The claims of a correctly signed token. Raises KeyError, TypeError or ValueError when they do not fit."""
    if claims["iss"] != conf.issuer() or claims["aud"] != conf.issuer() or claims["kind"] not in KINDS:
        msg = "another token's issuer, audience or kind"
        raise ValueError(msg)
    expires_at = dt.datetime.fromtimestamp(claims["exp"], dt.UTC)
    if dt.datetime.fromtimestamp(claims["nbf"], dt.UTC) > now + dt.timedelta(seconds=1):
        msg = "not valid yet"
        raise ValueError(msg)
    store_ids, act = claims["store_ids"], claims.get("act") or {}
    principal = Principal(
        kind=claims["kind"],
        subject=claims["sub"],
        psp_id=claims["psp_id"],
        merchant_id=claims["merchant_id"],
        store_ids=None if store_ids is None else tuple(store_ids),
        device_id=ids.decode("dev", claims["device_id"]) if claims["device_id"] else None,
        scopes=frozenset(claims["scope"].split()),
        livemode=claims["livemode"],
        user_id=_user_id(claims["sub"]) if claims["kind"] == "person" else None,
        actor=act.get("sub", ""),
        session_id=ids.decode(SESSION, claims["sid"]) if claims.get("sid") else None,
    )
    # The jti is a UUIDv7: its millisecond says when the token was issued more exactly than `iat` can.
    issued_at = ids.created_at_of(uuid.UUID(claims["jti"]))
    subjects = _subjects(principal, claims["jti"], act)
    return VerifiedToken(principal, kid, subjects, issued_at, expires_at)


def _user_id(subject: str) -> int:
    """The number in `user:5`. Raises ValueError."""
    return int(subject.removeprefix("user:"))


def _subjects(principal: Principal, jti: str, act: Mapping[str, str]) -> tuple[str, ...]:
    """The names under which a token can be revoked. One in another's name goes with either person, by its own, and with the
    session of who acts.
    """
    subjects = [principal.subject, token_subject(jti), f"psp:{principal.psp_id}"]
    subjects.extend(name for name in (principal.actor, act.get("impersonation")) if name)
    if act.get("sid"):
        subjects.append(session_subject(act["sid"]))
    if principal.session_id is not None:
        subjects.append(session_subject(ids.encode(SESSION, principal.session_id)))
    if principal.merchant_id is not None:
        subjects.append(f"merchant:{principal.merchant_id}")
    subjects.extend(f"store:{store_id}" for store_id in principal.store_ids or ())
    return tuple(subjects)


token_verifier = TokenVerifier(trust_reader)


def authenticate_token(token: str, *, now: dt.datetime) -> Principal:
    """Whose access token this is. Raises InvalidToken."""
    return token_verifier.authenticate(token, now=now)
