"""Calls to PayPay: signed anew each time, all calls of one request within its time."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec

from mpac.pgw import conf
from mpac.pgw.adapters.http import NOT_CONFIGURED, UNREADABLE, Failure, Garbled, HttpClient
from mpac.pgw.adapters.paypay.protocol import NAME, Reply, read_reply
from mpac.pgw.adapters.paypay.signing import Signer
from mpac.pgw.adapters.port import ChargeRequest

CONTENT_TYPE = "application/json;charset=UTF-8"


class PayPayClient:
    """PayPay's API for any number of accounts. Safe to share between threads and across forks."""

    def __init__(self, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = HttpClient(transport=transport)

    def open(self, request: ChargeRequest) -> "PayPayCalls":
        """The calls that belong to one request."""
        deadline = time.monotonic() + (request.timeout_s or conf.provider_timeout_s())
        credentials = request.account.credentials
        return PayPayCalls(
            http=self._http,
            signer=Signer(key=credentials["api_key"], secret=credentials["api_secret"]),
            merchant=credentials["merchant_id"],
            epoch=int(request.now.timestamp()),
            deadline=deadline,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPayCalls:
    """Calls with one account's keys, sharing one deadline."""

    http: HttpClient
    signer: Signer
    merchant: str
    epoch: int
    deadline: float

    def send(self, method: str, path: str, fields: dict[str, Any] | None = None) -> Reply | Failure:
        """One call; `fields` become the body, which is signed and sent as the same bytes."""
        base = conf.provider_base_url(NAME)
        if not base:
            return NOT_CONFIGURED
        body = None if fields is None else msgspec.json.encode(fields)
        authorization = self.signer.authorization(
            method=method,
            path=path,
            body=body,
            content_type=CONTENT_TYPE,
            nonce=secrets.token_hex(4),
            epoch=self.epoch,
        )
        headers = {"authorization": authorization, "x-assume-merchant": self.merchant}
        answer = self.http.send(
            method,
            base + path,
            headers=headers | ({} if body is None else {"content-type": CONTENT_TYPE}),
            timeout_s=max(self.deadline - time.monotonic(), 0.001),
            content=body,
        )
        if isinstance(answer, Failure):
            return answer
        try:
            return read_reply(answer.status, answer.object())
        except Garbled:
            return UNREADABLE
