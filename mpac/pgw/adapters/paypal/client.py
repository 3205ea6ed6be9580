"""Calls to PayPal: a cached access token per account, our keys, its errors, one deadline for all the calls of a request.

Nothing is repeated but a call that was refused for its token, which proves that it was not processed.
"""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx2
import msgspec

from mpac.pgw import conf
from mpac.pgw.adapters.http import NOT_CONFIGURED, UNREADABLE, Answer, Failure, HttpClient, Reply, read_object
from mpac.pgw.adapters.paypal.protocol import NAME
from mpac.pgw.adapters.port import ChargeRequest
from mpac.pgw.adapters.tokens import GRANT_FORM, Account, Grant, Tokens, read_grant

TOKEN_PATH = "/v1/oauth2/token"  # noqa: S105 - a path, not a secret


class PayPalClient:
    """PayPal's API for any number of accounts. Safe to share between threads and across forks."""

    def __init__(self, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = HttpClient(transport=transport)
        self._tokens = Tokens()

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
        account = Account(
            conf.provider_base_url(NAME), credentials["client_id"], credentials["client_secret"]
        )

        def ask() -> Grant | Failure:
            headers = account.basic_headers()
            return read_grant(
                self.send("POST", TOKEN_PATH, headers=headers, deadline=deadline, content=GRANT_FORM)
            )

        return self._tokens.token(account, fresh=fresh, ask=ask)


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
        answer: Answer | Failure = UNREADABLE
        for fresh in (False, True):
            token = self._client.token(self._credentials, deadline=self._deadline, fresh=fresh)
            if isinstance(token, Failure):
                return token
            said = {"authorization": f"Bearer {token}", **headers}
            answer = self._client.send(method, path, headers=said, deadline=self._deadline, content=content)
            if isinstance(answer, Failure) or answer.status != HTTPStatus.UNAUTHORIZED:
                break
        return read_object(answer)
