"""A provider that answers what a test says, in this process, over httpx2's mock transport."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx2

from kernel.ids import uuid7
from kernel.money import Money
from mpac.pgw.adapters.port import ChargeRequest, ProviderAccount, RefundRequest
from mpac.pgw.domain.keys import provider_key

NOON = dt.datetime(2026, 11, 21, 5, tzinfo=dt.UTC)
Answer = Callable[[httpx2.Request], httpx2.Response]


class Wire:
    """Keeps every call, and answers from a list; the last answer stays."""

    def __init__(self) -> None:
        self.calls: list[httpx2.Request] = []
        self.answers: list[Answer] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.calls.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request)

    def says(self, content: Any, *, status: int = 200) -> None:
        self.answers.append(lambda _request: httpx2.Response(status, json=content))

    def fails(self, error: type[httpx2.HTTPError]) -> None:
        def fail(_request: httpx2.Request) -> httpx2.Response:
            raise error("told to")

        self.answers.append(fail)

    @property
    def form(self) -> dict[str, str]:
        """The fields of the last call's body."""
        return dict(parse_qsl(self.calls[-1].content.decode(), keep_blank_values=True))


def charge_with(account: ProviderAccount, **changes: Any) -> ChargeRequest:
    values = {
        "provider_key": provider_key(uuid7()),
        "amount": Money(12550, "THB"),
        "account": account,
        "store_id": 111,
        "opened_at": NOON,
        "now": NOON,
        "expires_at": NOON + dt.timedelta(minutes=10),
        "timeout_s": 2.0,
        "method": "credit_card",
    }
    return ChargeRequest(**{**values, **changes})


def refund_with(charge: ChargeRequest, **changes: Any) -> RefundRequest:
    values = {
        "charge": charge,
        "operation_key": provider_key(uuid7()),
        "amount": Money(5000, "THB"),
        "reason": "cold soup",
        "payment_reference": "ref_1",
        "opened_at": NOON,
    }
    return RefundRequest(**{**values, **changes})


def replaced(request: Any, **changes: Any) -> Any:
    return dataclasses.replace(request, **changes)
