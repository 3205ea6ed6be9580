"""Calls to SCB: one deadline per call, tokens cached and refreshed, and every failure sorted into "never sent" or "unclear".

Nothing is retried here but a call that the bank refused for an expired token, which proves that it was not processed.
"""

import time
import uuid

import httpx2
import msgspec

from mpac.pgw import conf
from mpac.pgw.adapters.http import NOT_CONFIGURED, UNREADABLE, Failure, Garbled, HttpClient
from mpac.pgw.adapters.port import ProviderAccount
from mpac.pgw.adapters.scb.protocol import SUCCESS, TOKEN_EXPIRED, Reply, read_reply
from mpac.pgw.adapters.tokens import Account, Grant, Tokens

TOKEN_PATH = "/v1/oauth/token"  # noqa: S105 - a path, not a secret


class ScbClient:
    """SCB's API for any number of accounts. Safe to share between threads and across forks."""

    def __init__(self, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = HttpClient(transport=transport)
        self._tokens = Tokens()

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
        address = conf.provider_base_url("scb")
        own = Account(address, account.credentials["api_key"], account.credentials["api_secret"])
        return self._tokens.token(own, fresh=fresh, ask=lambda: self._grant(account, deadline=deadline))

    def _grant(self, account: ProviderAccount, *, deadline: float) -> Grant | Failure:
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
        return Grant(text, lives_s)

    def _send(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str],
        deadline: float,
        json: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> Reply | Failure:
        base = conf.provider_base_url("scb")
        if not base:
            return NOT_CONFIGURED
        content = None
        if json is not None:
            headers, content = headers | {"content-type": "application/json"}, msgspec.json.encode(json)
        answer = self._http.send(
            method,
            base + path,
            headers=headers,
            timeout_s=max(deadline - time.monotonic(), 0.001),
            params=params,
            content=content,
        )
        if isinstance(answer, Failure):
            return answer
        try:
            return read_reply(answer.status, answer.body)
        except Garbled:
            return UNREADABLE


def _headers(account: ProviderAccount) -> dict[str, str]:
    return {
        "resourceOwnerId": account.credentials["api_key"],
        "requestUId": str(uuid.uuid4()),
        "accept-language": "EN",
    }
