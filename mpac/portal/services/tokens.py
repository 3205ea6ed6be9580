"""The token endpoint's work: an assertion signed by a terminal's key is exchanged for a short-lived access token.

Believing the assertion costs one statement: it looks the terminal up, refuses it when it or anything above it is not
active, and remembers the assertion's `jti`, all at once. Only the public key is cached: a thumbprint never means another
key.
"""

import datetime as dt
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from kernel import ids
from kernel.errors import NotFound
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain import assertions
from mpac.portal.domain.jwk import key_of
from mpac.portal.dto import AccessToken
from mpac.portal.errors import TokenRefused
from mpac.portal.services.trust import trust_reader

SCOPE = SystemScope("authentication")
MAX_CACHED_KEYS = 50_000
# Tried when there is no key to try, so that the refusal takes as long.
NOBODYS_KEY = ECKey.generate_key("P-256", private=False)

FIND_KEY = (
    "SELECT public_jwk ->> 'x', public_jwk ->> 'y', public_jwk ->> 'kid', key_id FROM devices WHERE id = %s"
)

# The terminal must be active with the very key that signed, and so must be everything above it. A jti that is there
# already leaves `remembered` empty.
SPEND = """
    WITH client AS (
        SELECT d.id, d.psp_id, d.merchant_id, d.store_id, d.livemode
        FROM devices d
        JOIN stores s ON s.id = d.store_id AND s.status = 'active'
        JOIN merchants m ON m.id = d.merchant_id AND m.status = 'active'
        JOIN psps p ON p.id = d.psp_id AND p.status = 'active'
        WHERE d.id = %(device_id)s AND d.status = 'active' AND d.key_id = %(key_id)s
    ), remembered AS (
        INSERT INTO client_assertions (id, created_at, psp_id, merchant_id, store_id, device_id, jti, expires_at)
        SELECT %(id)s, %(now)s, psp_id, merchant_id, store_id, id, %(jti)s, %(expires_at)s FROM client
        ON CONFLICT (merchant_id, device_id, jti) DO NOTHING
        RETURNING 1
    )
    SELECT psp_id, merchant_id, store_id, livemode, EXISTS (SELECT 1 FROM remembered) FROM client
"""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A terminal's public key and the names it may be called by."""

    key: ECKey
    key_id: str
    kid: str


@dataclass(frozen=True, slots=True)
class Client:
    """The terminal that asked."""

    device_id: uuid.UUID
    psp_id: int
    merchant_id: int
    store_id: int
    livemode: bool


def exchange_assertion(*, assertion: str, scope: str | None, now: dt.datetime) -> AccessToken:
    """An access token for the terminal that signed `assertion` (RFC 7523 section 2.2).

    Raises TokenRefused with an error of RFC 6749 section 5.2.
    """
    if scope is not None and scope.split() not in ([], [conf.DEVICE_SCOPE]):
        error = "invalid_scope"
        raise TokenRefused(error, "The only scope of a device is: device")
    try:
        client = _authenticate(assertion, now)
    except assertions.Refused as refused:
        error = "invalid_client"
        raise TokenRefused(error, f"The client assertion is refused: {refused}.") from None
    return AccessToken(
        access_token=issue_device_token(client, now=now),
        expires_in=conf.DEVICE_TOKEN_TTL_S,
        scope=conf.DEVICE_SCOPE,
    )


def issue_device_token(client: Client, *, now: dt.datetime) -> str:
    """Sign an access token (RFC 9068) for a terminal that has been authenticated."""
    signer = trust_reader.at(now).signer
    iat = int(now.timestamp())
    device_id = ids.encode("dev", client.device_id)
    claims: dict[str, Any] = {
        "iss": conf.issuer(),
        "sub": device_id,
        "aud": conf.issuer(),
        "iat": iat,
        "nbf": iat,
        "exp": iat + conf.DEVICE_TOKEN_TTL_S,
        "jti": str(ids.uuid7(at=now)),
        "client_id": device_id,
        "kind": "device",
        "psp_id": client.psp_id,
        "merchant_id": client.merchant_id,
        "store_ids": [client.store_id],
        "device_id": device_id,
        "scope": conf.DEVICE_SCOPE,
        "livemode": client.livemode,
        "act": None,
    }
    header = {"alg": "ES256", "typ": "at+jwt", "kid": signer.kid}
    return jwt.encode(header, claims, signer.key, algorithms=["ES256"])


class ClientKeys:
    """Public keys of terminals that this process has met, the latest met kept longest."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: OrderedDict[uuid.UUID, ClientKey] = OrderedDict()
        self._lock = Lock()

    def find_cached(self, device_id: uuid.UUID, kid: str | None) -> ClientKey | None:
        """The terminal's key if it has been met and goes by `kid`."""
        with self._lock:
            known = self._keys.get(device_id)
            if known is not None:
                self._keys.move_to_end(device_id)
        return known if known is not None and kid in {known.key_id, known.kid, None} else None

    def read(self, device_id: uuid.UUID, kid: str | None) -> ClientKey | None:
        """The terminal's key if it goes by `kid`, from the database."""
        known = self._read(device_id)
        return known if known is not None and kid in {known.key_id, known.kid, None} else None

    def forget(self, device_id: uuid.UUID | None = None) -> None:
        with self._lock:
            if device_id is None:
                self._keys.clear()
            else:
                self._keys.pop(device_id, None)

    def _read(self, device_id: uuid.UUID) -> ClientKey | None:
        with atomic(SCOPE):
            rows = db.execute(FIND_KEY, [device_id])
        if not rows or not rows[0][3]:
            return None
        x, y, kid, key_id = rows[0]
        client_key = ClientKey(key_of({"kty": "EC", "crv": "P-256", "x": x, "y": y}), key_id, kid)
        with self._lock:
            self._keys[device_id] = client_key
            while len(self._keys) > self._size:
                self._keys.popitem(last=False)
        return client_key


client_keys = ClientKeys(MAX_CACHED_KEYS)


def _authenticate(assertion: str, now: dt.datetime) -> Client:
    """The terminal that signed the assertion. Raises Refused, in the same words whether terminal, key or signature is
    wrong: only who holds a terminal's key may learn that there is such a terminal.
    """
    statement = assertions.read(assertion)
    claims = assertions.check_claims(
        statement.claims,
        audiences={conf.issuer(), conf.token_endpoint()},
        max_lifetime_s=conf.ASSERTION_MAX_LIFETIME_S,
        now=now,
    )
    try:
        device_id = ids.decode("dev", statement.subject)
    except NotFound:
        device_id = None
    known = client_keys.find_cached(device_id, statement.kid) if device_id is not None else None
    if device_id is None or known is not None:
        return _believe(statement, claims, device_id, known)
    with atomic(SCOPE):  # one transaction reads the key and spends the assertion
        return _believe(statement, claims, device_id, client_keys.read(device_id, statement.kid))


def _believe(
    statement: assertions.Statement,
    claims: assertions.Claims,
    device_id: uuid.UUID | None,
    known: ClientKey | None,
) -> Client:
    """The terminal, if it is there and signed the statement. Raises Refused."""
    signed = assertions.is_signed_by(statement, known.key if known is not None else NOBODYS_KEY)
    if device_id is None or known is None or not signed:
        msg = "no such client or key, or the signature does not verify"
        raise assertions.Refused(msg)
    return _spend(device_id, known, claims)


def _spend(device_id: uuid.UUID, known: ClientKey, claims: assertions.Claims) -> Client:
    assertion_id = ids.uuid7()
    rows = db.execute_alone(
        SCOPE,
        SPEND,
        {
            "device_id": device_id,
            "key_id": known.key_id,
            "id": assertion_id,
            "now": ids.created_at_of(assertion_id),
            "jti": claims.jti,
            "expires_at": claims.expires_at,
        },
    )
    if not rows:
        client_keys.forget(device_id)
        msg = "the client is not active"
        raise assertions.Refused(msg)
    psp_id, merchant_id, store_id, livemode, first_use = rows[0]
    if not first_use:
        msg = "jti was used before"
        raise assertions.Refused(msg)
    return Client(device_id, psp_id, merchant_id, store_id, livemode)
