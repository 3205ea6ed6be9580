"""Access tokens by OAuth 2.0 client credentials with a signed assertion (RFC 7523)."""

import time
import uuid
from collections.abc import Callable
from threading import Lock
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from simulator.terminal.errors import Refused, expect

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE_S = 60
MAX_LIFE_S = 120
# A token is replaced this long before its end, so that none expires on the way.
MARGIN_S = 20.0


class Tokens:
    """The device's access token, renewed before its end. Safe to share between threads."""

    def __init__(
        self, demo: dict[str, Any], http: httpx2.Client, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._device, self._issuer, self._http = demo["device"], demo["issuer"], http
        self._key = ECKey.import_key(self._device["private_jwk"])
        self._lock = Lock()
        self._token, self._renew_at = "", 0.0

    def current(self) -> str:
        """A token that lives for some time yet."""
        with self._lock:
            if self._clock() >= self._renew_at:
                self._fetch()
            return self._token

    def renew(self) -> str:
        """A new token, whatever the old one is worth."""
        with self._lock:
            self._fetch()
            return self._token

    def _fetch(self) -> None:
        asked_at = self._clock()
        answer = self._http.post(
            "/v1/auth/token",
            data={
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self._assertion(),
            },
        )
        if not answer.is_success:
            raise Refused(call="POST /v1/auth/token", status=answer.status_code, problem=problem_of(answer))
        body = answer.json()
        life_s = body.get("expires_in", 0)
        expect(body.get("token_type") == "Bearer" and 0 < life_s <= MAX_LIFE_S, "not a device's token", body)
        self._token = str(body["access_token"])
        self._renew_at = asked_at + max(life_s - MARGIN_S, life_s / 2)

    def _assertion(self) -> str:
        client_id, now = self._device["client_id"], int(time.time())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": self._issuer,
            "iat": now,
            "exp": now + ASSERTION_LIFE_S,
            "jti": uuid.uuid4().hex,
        }
        header = {"alg": "ES256", "kid": self._device["private_jwk"]["kid"]}
        return jwt.encode(header, claims, self._key)


def problem_of(answer: httpx2.Response) -> dict[str, Any]:
    """The error's body, or what came instead of one."""
    try:
        body = answer.json()
    except ValueError:
        return {"detail": answer.text[:200]}
    return body if isinstance(body, dict) else {"detail": str(body)[:200]}
