"""A bank that answers as its documentation says, in this process, over httpx2's mock transport."""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from kernel import clock
from kernel.ids import uuid7
from kernel.money import Money
from mpac.pgw.adapters.port import ChargeRequest, ProviderAccount
from mpac.pgw.adapters.scb.adapter import ScbAdapter
from mpac.pgw.adapters.scb.client import ScbClient
from mpac.pgw.domain import promptpay
from mpac.pgw.domain.keys import provider_key
from tests.pgw.adapters.contract import Kit, Stage
from tests.simulator.conftest import PLAIN, Running

Answer = Callable[[httpx2.Request], httpx2.Response]
BILLER = "123456789012345"


def envelope(
    data: Any, *, code: int = 1000, status: int = 200, description: str = "Success"
) -> httpx2.Response:
    return httpx2.Response(status, json={"status": {"code": code, "description": description}, "data": data})


def refusal(code: int, status: int) -> Answer:
    return lambda _request: envelope(None, code=code, status=status, description="Refused")


def fails(error: type[httpx2.HTTPError]) -> Answer:
    def fail(_request: httpx2.Request) -> httpx2.Response:
        raise error("told to")

    return fail


class Bank:
    """SCB's three calls; a queued answer comes instead of the usual one."""

    def __init__(self) -> None:
        self.calls: list[httpx2.Request] = []
        self.queued: dict[str, list[Answer]] = {"token": [], "create": [], "inquiry": []}
        self.records: dict[str, list[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self.token = ""

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.calls.append(request)
        operation = {"token": "token", "create": "create", "inquiry": "inquiry"}[
            request.url.path.rpartition("/")[2]
        ]
        if self.queued[operation]:
            return self.queued[operation].pop(0)(request)
        return getattr(self, f"_{operation}")(request)

    def made(self, operation: str) -> list[httpx2.Request]:
        return [request for request in self.calls if request.url.path.endswith(operation)]

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        self.token = f"token-{next(self._numbers)}"
        return envelope({"accessToken": self.token, "tokenType": "Bearer", "expiresIn": 1800, "expiresAt": 1})

    def _create(self, request: httpx2.Request) -> httpx2.Response:
        body = msgspec.json.decode(request.content)
        return envelope({"qrRawData": qr(body), "qrImage": ""})

    def _inquiry(self, request: httpx2.Request) -> httpx2.Response:
        return envelope(self.records.get(request.url.params["transactionDate"], []))

    def book(self, charge: ChargeRequest, *, day: str, **changes: Any) -> None:
        record = {
            "eventCode": "00300100",
            "transactionId": f"20261121abc{next(self._numbers)}",
            "amount": "125.50",
            "transactionDateandTime": f"{day}T10:21:12+07:00",
            "currencyCode": "764",
            "reverseFlag": "",
            "billPaymentRef1": charge.provider_key,
            "billPaymentRef2": "S111",
            "sendingBankCode": "014",
            "payerName": "SOMEBODY",
        }
        self.records.setdefault(day, []).append({**record, **changes})


def qr(body: dict[str, str], **changes: Any) -> str:
    values = {
        "biller_id": body["ppId"],
        "reference1": body["ref1"],
        "reference2": body["ref2"],
        "amount": Money.from_decimal(body["amount"], "THB"),
        "terminal_label": body["ref3"],
        "merchant_city": "BANGKOK",
        "mcc": "7011",
    }
    return promptpay.encode(promptpay.BillPayment(**{**values, **changes}))


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """The simulator, serving."""
    running = Running(PLAIN)
    yield running
    running.stop()


@pytest.fixture
def stage(running: Running, kit: Kit, settings: Any, tmp_path: Path) -> Iterator[Stage]:
    """The provider of the test's kit with an empty memory."""
    kit.prepare(settings, running.url, tmp_path)
    with httpx2.HTTPTransport(verify=False) as transport:
        yield Stage(running, kit, settings, transport)
    running.may_go_on.set()


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
def adapter(bank) -> ScbAdapter:
    return ScbAdapter(ScbClient(transport=httpx2.MockTransport(bank)))


@pytest.fixture
def charge() -> ChargeRequest:
    return make_charge()


def make_charge(**changes: Any) -> ChargeRequest:
    now = clock.now()
    account = ProviderAccount(
        fields={"biller_id": BILLER, "ref3_prefix": "ABC"},
        credentials={"api_key": "the-key", "api_secret": "the-secret"},
    )
    values = {
        "provider_key": provider_key(uuid7()),
        "amount": Money(12550, "THB"),
        "account": account,
        "store_id": 111,
        "opened_at": now,
        "now": now,
        "expires_at": now + dt.timedelta(minutes=10),
        "timeout_s": 2.0,
    }
    return ChargeRequest(**{**values, **changes})
