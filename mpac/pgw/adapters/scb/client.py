"""Calls to SCB: one deadline per call, tokens cached and refreshed, and every failure sorted into "never sent" or "unclear".

Nothing is retried here but a call that the bank refused for an expired token, which proves that it was not processed.
"""

import time
import uuid
from dataclasses import dataclass

import httpx2
import msgspec

from mpac.pgw import conf
from mpac.pgw.adapters.http import Failure, Garbled, HttpClient
from mpac.pgw.adapters.port import ProviderAccount
from mpac.pgw.adapters.scb.protocol import SUCCESS, TOKEN_EXPIRED, Reply, read_reply

TOKEN_PATH = "/v1/oauth/token"  # noqa: S105 - a path, not a secret
# A token is given up this long before its end, so that no call starts with one that dies on the way.
TOKEN_MARGIN_S = 60.0


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    ends_at: float


class ScbClient:
    """SCB's API for any number of accounts. Safe to share between threads and across forks."""

    def __init__(self, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = HttpClient(transport=transport)
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
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str],
        deadline: float,
        json: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> Reply | Failure:
        content = None
        if json is not None:
            headers, content = headers | {"content-type": "application/json"}, msgspec.json.encode(json)
        answer = self._http.send(
            method,
            conf.scb_base_url() + path,
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
            return Failure("unclear", "garbled", "The bank's answer cannot be read.")


def _headers(account: ProviderAccount) -> dict[str, str]:
    return {
        "resourceOwnerId": account.credentials["api_key"],
        "requestUId": str(uuid.uuid4()),
        "accept-language": "EN",
    }
