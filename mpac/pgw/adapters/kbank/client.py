"""Calls to KBank: a cached token, and one deadline for all the calls of a request.

Nothing is repeated but a call that was refused for its token, which proves that it was not processed.
"""

import datetime as dt
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx2
import msgspec

from mpac.pgw import conf
from mpac.pgw.adapters.http import NOT_CONFIGURED, UNREADABLE, Answer, Failure, Garbled, HttpClient
from mpac.pgw.adapters.kbank.protocol import NAME, Reply, read_reply
from mpac.pgw.adapters.port import ChargeRequest
from mpac.pgw.adapters.tokens import GRANT_FORM, Account, Grant, Tokens, read_grant

TOKEN_PATH = "/v2/oauth/token"  # noqa: S105 - a path, not a secret
BANGKOK = dt.timezone(dt.timedelta(hours=7))


class KBankClient:
    """KBank's API for any number of accounts. Safe to share between threads and across forks."""

    def __init__(self, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = HttpClient(transport=transport)
        self._tokens = Tokens()

    def open(self, request: ChargeRequest) -> "KBankCalls":
        """The calls that belong to one request."""
        return KBankCalls(self, request, time.monotonic() + (request.timeout_s or conf.provider_timeout_s()))

    def post(
        self, path: str, *, headers: Mapping[str, str], content: bytes, deadline: float
    ) -> Answer | Failure:
        """One call."""
        base = conf.provider_base_url(NAME)
        if not base:
            return NOT_CONFIGURED
        return self._http.send(
            "POST",
            base + path,
            headers=headers,
            timeout_s=max(deadline - time.monotonic(), 0.001),
            content=content,
        )

    def token(self, request: ChargeRequest, *, deadline: float, fresh: bool) -> str | Failure:
        """A token, from the cache unless it must be fresh. Whatever goes wrong here, the call itself was never sent."""
        credentials = request.account.credentials
        account = Account(
            conf.provider_base_url(NAME), credentials["consumer_id"], credentials["consumer_secret"]
        )

        def ask() -> Grant | Failure:
            headers = account.basic_headers()
            return read_grant(self.post(TOKEN_PATH, headers=headers, content=GRANT_FORM, deadline=deadline))

        return self._tokens.token(account, fresh=fresh, ask=ask)


class KBankCalls:
    """Calls with one account, sharing one deadline."""

    def __init__(self, client: KBankClient, request: ChargeRequest, deadline: float) -> None:
        self._client, self._request, self._deadline = client, request, deadline

    def send(self, path: str, *, key: str, fields: dict[str, Any]) -> Reply | Failure:
        """One call under our `key` for it. A call refused for its token is sent once more with a fresh one."""
        content = msgspec.json.encode(self._identity(key) | fields)
        answer: Answer | Failure = UNREADABLE
        for fresh in (False, True):
            token = self._client.token(self._request, deadline=self._deadline, fresh=fresh)
            if isinstance(token, Failure):
                return token
            answer = self._client.post(
                path,
                headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
                content=content,
                deadline=self._deadline,
            )
            if isinstance(answer, Failure) or answer.status != HTTPStatus.UNAUTHORIZED:
                break
        return answer if isinstance(answer, Failure) else _read(answer)

    def _identity(self, key: str) -> dict[str, Any]:
        """What every call says about who calls."""
        account = self._request.account
        said = {
            "partnerTxnUid": key,
            "partnerId": account.credentials["partner_id"],
            "partnerSecret": account.credentials["partner_secret"],
            "requestDt": self._request.now.astimezone(BANGKOK).isoformat(timespec="seconds"),
            "merchantId": account.fields["merchant_id"],
        }
        terminal = account.fields.get("terminal_id")
        return said | ({"terminalId": terminal} if terminal else {})


def _read(answer: Answer) -> Reply | Failure:
    """The bank's reply. What its gateway refuses before the bank sees it was never processed."""
    try:
        return read_reply(answer.body)
    except Garbled:
        pass
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        return Failure("never_sent", f"http_{answer.status}", "The bank's gateway refused the call.")
    return UNREADABLE
