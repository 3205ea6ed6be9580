"""Calls to SCB: one deadline per call, tokens cached and refreshed, and every failure sorted into "never sent" or "unclear".

Nothing is retried here but a call that the bank refused for an expired token, which proves that it was not processed.
"""

import os
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any, Literal

import httpx2

from mpac.pgw import conf
from mpac.pgw.adapters.port import ProviderAccount
from mpac.pgw.adapters.scb.protocol import (
    MAX_BODY_BYTES,
    SUCCESS,
    TOKEN_EXPIRED,
    Garbled,
    Reply,
    read_reply,
)

TOKEN_PATH = "/v1/oauth/token"  # noqa: S105 - a path, not a secret
CONNECT_TIMEOUT_S = 2.0
# A token is given up this long before its end, so that no call starts with one that dies on the way.
TOKEN_MARGIN_S = 60.0
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """No readable answer. `never_sent` proves that the bank processed nothing; `unclear` proves nothing."""

    kind: Literal["never_sent", "unclear"]
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    ends_at: float


class ScbClient:
    """SCB's API for any number of accounts. Safe to share between threads and across forks."""

    def __init__(self, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._transport = transport
        self._lock = threading.Lock()
        self._http: tuple[int, httpx2.Client] | None = None
        self._tokens: dict[tuple[str, str, str], _Token] = {}

    def call(
        self,
        method: str,
        path: str,
        *,
        account: ProviderAccount,
        timeout_s: float,
        json: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> Reply | Failure:
        """One call with a valid token. A call refused for its token is sent once more with a fresh one."""
        deadline = time.monotonic() + timeout_s
        reply: Reply | Failure = Failure("never_sent", "no_token", "No access token.")
        for fresh in (False, True):
            token = self._token(account, deadline=deadline, fresh=fresh)
            if isinstance(token, Failure):
                return token
            headers = {**_headers(account), "authorization": f"Bearer {token}"}
            reply = self._send(method, path, headers=headers, deadline=deadline, json=json, params=params)
            if isinstance(reply, Failure) or reply.code != TOKEN_EXPIRED:
                break
        return reply

    def _token(self, account: ProviderAccount, *, deadline: float, fresh: bool) -> str | Failure:
        """A token, from the cache unless it must be fresh. Whatever goes wrong here, the call itself was never sent."""
        # The key alone is no proof of who asks: without its secret nobody gets the token of another's account.
        key = (conf.scb_base_url(), account.credentials["api_key"], account.credentials["api_secret"])
        known = self._tokens.get(key)
        if known and not fresh and known.ends_at > time.monotonic():
            return known.text
        body = {
            "applicationKey": account.credentials["api_key"],
            "applicationSecret": account.credentials["api_secret"],
        }
        reply = self._send("POST", TOKEN_PATH, headers=_headers(account), deadline=deadline, json=body)
        if isinstance(reply, Failure):
            return Failure("never_sent", f"token_{reply.code}", reply.message)
        if reply.code != SUCCESS or not isinstance(reply.data, dict):
            return Failure("never_sent", f"scb_{reply.code}", reply.description)
        text, lives_s = reply.data.get("accessToken"), reply.data.get("expiresIn")
        if not isinstance(text, str) or not text or not isinstance(lives_s, int):
            return Failure("never_sent", "token_garbled", "The bank's access token cannot be read.")
        self._tokens[key] = _Token(text, time.monotonic() + max(lives_s - TOKEN_MARGIN_S, lives_s / 2))
        return text

    def _send(
        self, method: str, path: str, *, headers: dict[str, str], deadline: float, **content: Any
    ) -> Reply | Failure:
        left = max(deadline - time.monotonic(), 0.001)
        timeout = httpx2.Timeout(left, connect=min(CONNECT_TIMEOUT_S, left))
        url = conf.scb_base_url() + path
        try:
            with self._client().stream(method, url, headers=headers, timeout=timeout, **content) as answer:
                return read_reply(answer.status_code, _read(answer, deadline=deadline))
        except _NEVER_SENT as error:
            return Failure("never_sent", "not_reached", type(error).__name__)
        except httpx2.TimeoutException as error:
            return Failure("unclear", "timeout", type(error).__name__)
        except httpx2.HTTPError as error:
            return Failure("unclear", "connection_lost", type(error).__name__)
        except Garbled:
            return Failure("unclear", "garbled", "The bank's answer cannot be read.")

    def _client(self) -> httpx2.Client:
        """The connection pool of this process; a forked child makes its own."""
        with self._lock:
            if self._http is None or self._http[0] != os.getpid():
                client = httpx2.Client(transport=self._transport, follow_redirects=False, trust_env=False)
                self._http = (os.getpid(), client)
            return self._http[1]


def _headers(account: ProviderAccount) -> dict[str, str]:
    return {
        "resourceOwnerId": account.credentials["api_key"],
        "requestUId": str(uuid.uuid4()),
        "accept-language": "EN",
    }


def _read(answer: httpx2.Response, *, deadline: float) -> bytes:
    """The whole body, within the deadline even when it drips. Raises Garbled or ReadTimeout."""
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            message = "the answer is too long"
            raise Garbled(message)
        if time.monotonic() > deadline:
            message = "the answer came too slowly"
            raise httpx2.ReadTimeout(message)
    return bytes(body)
