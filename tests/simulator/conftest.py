"""A simulated bank on a port of its own, with a clock that stands still and pauses that take no time."""

import asyncio
import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import httpx2
import pytest
import uvicorn

from simulator.app import create_app
from simulator.bank import Bank
from simulator.faults import BreakableProtocol
from simulator.settings import Settings

BILLER = "123456789012345"
NOON = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)  # 12:00 in Bangkok
PATIENCE_S = 10


class Merchant:
    """Receives the bank's callbacks; answers come from the list, then it accepts."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.answers: list[httpx2.Response | Exception] = []
        self.looks: Callable[[], None] = lambda: None

    def receive(self, request: httpx2.Request) -> httpx2.Response:
        self.looks()
        self.received.append(
            {"url": str(request.url), **httpx2.Response(200, content=request.content).json()}
        )
        answer = self.answers.pop(0) if self.answers else httpx2.Response(200, json={"resCode": "00"})
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def references(self) -> list[str]:
        return [payload["billPaymentRef1"] for payload in self.received]


class Running:
    """The bank, its server in a thread, and short words for its calls."""

    def __init__(self, settings: Settings) -> None:
        self.may_go_on = threading.Event()
        self._begin()
        self.bank = Bank(
            settings,
            clock=lambda: self.now,
            pause=self._pause,
            transport=httpx2.MockTransport(self._receive),
        )
        # With its protocol named, asyncio switches Nagle's algorithm off for the connections.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                create_app(self.bank),
                http=BreakableProtocol,
                ws="none",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def begin(self) -> None:
        """Forget what a test before this one did."""
        self.may_go_on.set()
        self._begin()
        self.http.post("/__reset")

    def stop(self) -> None:
        self.may_go_on.set()
        self.hang_up()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def settle(self) -> None:
        """Wait until the bank has nothing under way."""
        asyncio.run_coroutine_threadsafe(self.bank.callbacks.settled(), self._loop).result(PATIENCE_S)

    def headers(self, **changed: str | None) -> dict[str, str]:
        headers = {"resourceOwnerId": "key-1", "requestUId": "u-1", "accept-language": "EN", **changed}
        return {name: value for name, value in headers.items() if value is not None}

    def token(self) -> str:
        body = {"applicationKey": "key-1", "applicationSecret": "secret-1"}
        answer = self.http.post("/scb/v1/oauth/token", json=body, headers=self.headers())
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["accessToken"]

    def authorized(self) -> dict[str, str]:
        return self.headers(authorization=f"Bearer {self.token()}")

    def create(self, ref1: str = "REF1", *, timeout: float = PATIENCE_S, **changed: Any) -> httpx2.Response:
        body = {
            "qrType": "PP",
            "ppType": "BILLERID",
            "ppId": BILLER,
            "amount": "125.50",
            "ref1": ref1,
            "ref2": "B1",
            "ref3": "SCB",
            **changed,
        }
        body = {name: value for name, value in body.items() if value is not None}
        return self.http.post(
            "/scb/v1/payment/qrcode/create", json=body, headers=self.authorized(), timeout=timeout
        )

    def qr(self, ref1: str = "REF1", **changed: Any) -> str:
        answer = self.create(ref1, **changed)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["qrRawData"]

    def inquire(self, ref1: str | None = "REF1", **changed: str | None) -> httpx2.Response:
        query = {
            "eventCode": "00300100",
            "transactionDate": "2026-11-21",
            "billerId": BILLER,
            "reference1": ref1,
            **changed,
        }
        query = {name: value for name, value in query.items() if value is not None}
        path = "/scb/v1/payment/billpayment/inquiry"
        return self.http.get(path, params=query, headers=self.authorized())

    def found(self, ref1: str = "REF1", **changed: str | None) -> list[dict[str, Any]]:
        answer = self.inquire(ref1, **changed)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def pay(self, qr_payload: object, **more: object) -> httpx2.Response:
        return self.http.post("/__pay", json={"qr_payload": qr_payload, **more})

    def script(self, operation: str, behaviour: str, **more: object) -> None:
        body = {"provider": "scb", "operation": operation, "behaviour": behaviour, **more}
        answer = self.http.post("/__script", json=body)
        assert answer.status_code == 200, answer.text

    def charges(self) -> list[tuple[str, str, int]]:
        """Reference, status and amount of every charge in the bank's books."""
        truth = self.http.get("/__truth").json()
        return [(charge["reference"], charge["status"], charge["amount"]) for charge in truth["charges"]]

    @cached_property
    def http(self) -> httpx2.Client:
        # To read the machine's certificates takes longer than most tests, and nothing here is encrypted.
        return httpx2.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False, verify=False)

    def _begin(self) -> None:
        self.now = NOON
        self.pauses: list[float] = []
        self.may_go_on.set()
        self.merchant = Merchant()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the client's connections; the next call opens new ones."""
        if "http" in self.__dict__:
            self.__dict__.pop("http").close()

    async def _receive(self, request: httpx2.Request) -> httpx2.Response:
        answer = self.merchant.receive(request)
        return await answer if inspect.isawaitable(answer) else answer

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.to_thread(self.may_go_on.wait, PATIENCE_S)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._server.serve(sockets=[self._socket]))
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()


PLAIN = Settings(callback_url="http://merchant.test/scb", draws_images=False, hang_s=60)


class Starter:
    """Starts banks with settings of the test's choice."""

    def __init__(self) -> None:
        self._running: list[Running] = []

    def __call__(self, **changed: Any) -> Running:
        running = Running(replace(PLAIN, **changed))
        self._running.append(running)
        return running

    def stop(self) -> None:
        for running in self._running:
            running.stop()


@pytest.fixture
def start() -> Iterator[Starter]:
    starter = Starter()
    yield starter
    starter.stop()


@pytest.fixture(scope="session")
def one_bank() -> Iterator[Running]:
    running = Running(PLAIN)
    yield running
    running.stop()


@pytest.fixture
def bank(one_bank: Running) -> Running:
    """A bank with plain settings and an empty memory."""
    one_bank.begin()
    return one_bank
