"""Calls to PayPal: a cached access token per account, our keys, its errors, one deadline for all the calls of a request.

Nothing is repeated but a call that was refused for its token, which proves that it was not processed.
"""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx2
import msgspec

from mpac.pgw import conf
from mpac.pgw.adapters.forms import FORM, encode_form
from mpac.pgw.adapters.http import NOT_CONFIGURED, Answer, Failure, Garbled, HttpClient
from mpac.pgw.adapters.paypal.protocol import NAME
from mpac.pgw.adapters.port import ChargeRequest

TOKEN_PATH = "/v1/oauth2/token"  # noqa: S105 - a path, not a secret
# A token is given up this long before its end, so that no call starts with one that dies on the way.
TOKEN_MARGIN_S = 60.0
_UNREADABLE = Failure("unclear", "garbled", "The provider's answer cannot be read.")


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    ends_at: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A readable answer: HTTP status and the object or the error in it; a success may say nothing."""

    status: int
    data: dict[str, Any]

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - the range of HTTP's successes


class PayPalClient:
    """PayPal's API for any number of accounts. Safe to share between threads and across forks."""

    def __init__(self, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = HttpClient(transport=transport)
        self._tokens: dict[tuple[str, str, str], _Token] = {}

    def open(self, request: ChargeRequest) -> "PayPalCalls":
        """The calls that belong to one request, all of them within its time."""
        deadline = time.monotonic() + (request.timeout_s or conf.provider_timeout_s())
        return PayPalCalls(self, request.account.credentials, deadline)

    def reach(self, request: ChargeRequest) -> Failure | None:
        """Whether PayPal is there and knows the account: the failure, if not."""
        deadline = time.monotonic() + (request.timeout_s or conf.provider_timeout_s())
        token = self.token(request.account.credentials, deadline=deadline, fresh=False)
        return token if isinstance(token, Failure) else None

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes | None = None,
    ) -> Answer | Failure:
        """One call."""
        base = conf.provider_base_url(NAME)
        if not base:
            return NOT_CONFIGURED
        timeout_s = max(deadline - time.monotonic(), 0.001)
        return self._http.send(method, base + path, headers=headers, timeout_s=timeout_s, content=content)

    def token(self, credentials: Mapping[str, str], *, deadline: float, fresh: bool) -> str | Failure:
        """A token, from the cache unless it must be fresh. Whatever goes wrong here, the call itself was never sent."""
        # The id alone is no proof of who asks: without its secret nobody gets the token of another's account.
        client_id, secret = credentials["client_id"], credentials["client_secret"]
        key = (conf.provider_base_url(NAME), client_id, secret)
        known = self._tokens.get(key)
        if known and not fresh and known.ends_at > time.monotonic():
            return known.text
        pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        answer = self.send(
            "POST",
            TOKEN_PATH,
            headers={"authorization": f"Basic {pair}", "content-type": FORM},
            deadline=deadline,
            content=encode_form({"grant_type": "client_credentials"}),
        )
        if isinstance(answer, Failure):
            return Failure("never_sent", f"token_{answer.code}", answer.message)
        if answer.status != HTTPStatus.OK:
            return Failure("never_sent", f"token_http_{answer.status}", "PayPal gives no access token.")
        try:
            grant = msgspec.json.decode(answer.body, type=_Grant, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Failure("never_sent", "token_garbled", "PayPal's access token cannot be read.")
        lives_s = max(grant.expires_in - TOKEN_MARGIN_S, grant.expires_in / 2)
        self._tokens[key] = _Token(grant.access_token, time.monotonic() + lives_s)
        return grant.access_token


class PayPalCalls:
    """Calls with one account, sharing one deadline."""

    def __init__(self, client: PayPalClient, credentials: Mapping[str, str], deadline: float) -> None:
        self._client, self._credentials, self._deadline = client, credentials, deadline

    def post(self, path: str, fields: Mapping[str, Any], *, key: str) -> Reply | Failure:
        """Change something; `key` makes the same call again harmless."""
        headers = {
            "content-type": "application/json",
            "paypal-request-id": key,
            "prefer": "return=representation",
        }
        return self._send("POST", path, headers=headers, content=msgspec.json.encode(fields))

    def get(self, path: str) -> Reply | Failure:
        """Read something."""
        return self._send("GET", path, headers={})

    def _send(
        self, method: str, path: str, *, headers: Mapping[str, str], content: bytes | None = None
    ) -> Reply | Failure:
        """A call refused for its token is sent once more with a fresh one."""
        answer: Answer | Failure = _UNREADABLE
        for fresh in (False, True):
            token = self._client.token(self._credentials, deadline=self._deadline, fresh=fresh)
            if isinstance(token, Failure):
                return token
            said = {"authorization": f"Bearer {token}", **headers}
            answer = self._client.send(method, path, headers=said, deadline=self._deadline, content=content)
            if isinstance(answer, Failure) or answer.status != HTTPStatus.UNAUTHORIZED:
                break
        return answer if isinstance(answer, Failure) else _read(answer)


def _read(answer: Answer) -> Reply | Failure:
    if answer.status == HTTPStatus.NO_CONTENT:
        return Reply(answer.status, {})
    try:
        return Reply(answer.status, answer.object())
    except Garbled:
        return _UNREADABLE
