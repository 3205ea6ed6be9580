"""What is measured: creating an intent, a cash sale, a QR sale, and the way of a push."""

import itertools
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from bench.listener import Listener
from bench.load import Wrong
from bench.wire import Connection
from simulator.terminal.client import ITEMS, TOTAL
from simulator.terminal.tokens import Tokens

ORDER = json.dumps({"currency": "THB", "channel": "take_away", "items": list(ITEMS)}).encode()
CASH = json.dumps({"method": "cash", "amount": TOTAL, "tendered": TOTAL}).encode()
QR = json.dumps({"method": "qr_code", "amount": TOTAL}).encode()
Work = Callable[[], Awaitable[None]]


class Client:
    """One connection and who speaks over it."""

    _numbers = itertools.count()
    _run = uuid.uuid4().hex[:12]

    def __init__(self, base_url: str, bearer: Callable[[], str]) -> None:
        self._connection, self._bearer = Connection(base_url), bearer

    async def post(self, path: str, body: bytes, *, key: str = "") -> dict[str, Any]:
        """Create something. Raises Wrong unless the answer is 201."""
        key = key or f"{self._run}-{next(self._numbers)}"
        headers = f"Authorization: Bearer {self._bearer()}\r\nIdempotency-Key: {key}\r\n".encode()
        status, answer = await self._connection.call("POST", path, body, headers)
        if status != 201:
            raise Wrong(f"POST {_shape(path)}: {status} {answer[:120].decode(errors='replace')}")
        return dict(json.loads(answer))

    def close(self) -> None:
        self._connection.close()


class Till:
    """A terminal with its connection, its token and its WebSocket."""

    def __init__(self, demo: dict[str, Any], http: httpx2.Client) -> None:
        tokens = Tokens(demo, http)
        self.listener = Listener(demo, tokens)
        self._client = Client(demo["base_url"], tokens.current)
        self._bank = Connection(demo["simulator_url"])

    async def sell_for_cash(self) -> None:
        """Order, bill, cash: three calls."""
        payment = await self._pay(await self._open_bill(), CASH)
        if payment["status"] != "completed":
            raise Wrong(f"cash {payment['status']}")

    async def sell_by_qr(self) -> None:
        """Order, bill, QR code, the customer pays, until the push says completed."""
        await self._sell_by_qr(QR)

    def time_notices(self, provider: str, arrivals: dict[str, float]) -> Work:
        """A QR sale through this provider; notes when the push about which of its payments arrived."""
        body = json.dumps({"method": "qr_code", "amount": TOTAL, "provider": provider}).encode()

        async def work() -> None:
            reference, arrived = await self._sell_by_qr(body)
            arrivals[reference] = time.time() - (time.perf_counter() - arrived)

        return work

    async def _sell_by_qr(self, wanted: bytes) -> tuple[str, float]:
        """The provider's reference of the payment, and when its push arrived."""
        payment = await self._pay(await self._open_bill(), wanted)
        action = payment.get("next_action")
        if not action:
            raise Wrong(f"no QR code, payment {payment['status']}")
        body = json.dumps({"qr_payload": action["qr_payload"]}).encode()
        status, answer = await self._bank.call("POST", "/__pay", body)
        if status != 200:
            raise Wrong(f"/__pay: {status} {answer[:120].decode(errors='replace')}")
        return json.loads(answer)["provider_reference"], await self.listener.arrival(payment["id"])

    def time_pushes(self, delays: list[tuple[float, float]]) -> Work:
        """A cash sale; notes how long after the answer, and after the request, its push arrived."""

        async def work() -> None:
            bill = await self._open_bill()
            asked = time.perf_counter()
            payment = await self._pay(bill, CASH)
            answered = time.perf_counter()
            arrived = await self.listener.arrival(payment["id"])
            delays.append((max(0.0, arrived - answered), arrived - asked))

        return work

    def close(self) -> None:
        self._client.close()
        self._bank.close()

    async def _open_bill(self) -> dict[str, Any]:
        order = await self._client.post("/v1/orders", ORDER)
        return await self._client.post(f"/v1/orders/{order['id']}/bills", b"{}")

    async def _pay(self, bill: dict[str, Any], body: bytes) -> dict[str, Any]:
        return await self._client.post(f"/v1/bills/{bill['id']}/payments", body)


async def notices_sent(demo: dict[str, Any]) -> list[tuple[float, str]]:
    """The simulator's latest notices: when each was sent, in seconds of the epoch, and what it said."""
    connection = Connection(demo["simulator_url"])
    try:
        _, answer = await connection.call("GET", "/__callbacks")
    finally:
        connection.close()
    return [(each["sent_at"], json.dumps(each["payload"])) for each in json.loads(answer)["callbacks"]]


class Partner:
    """A PSP's server with its connection."""

    def __init__(self, demo: dict[str, Any]) -> None:
        self._client = Client(demo["base_url"], lambda: demo["psp"]["api_key"])
        self._intent = intent_body(demo)

    async def create_intent(self, *, key: str = "") -> None:
        answer = await self._client.post("/v1/payment-intents", self._intent, key=key)
        if answer["status"] != "requires_confirmation":
            raise Wrong(f"intent {answer['status']}")

    def close(self) -> None:
        self._client.close()


def intent_body(demo: dict[str, Any]) -> bytes:
    """An intent for 145.50 baht by QR at the demo store."""
    wanted = {
        "amount": TOTAL,
        "currency": "THB",
        "merchant_id": demo["merchant_id"],
        "store_id": demo["store_id"],
        "method": "qr_code",
        "capture_method": "automatic",
    }
    return json.dumps(wanted).encode()


def _shape(path: str) -> str:
    return "/".join("*" if "_" in part else part for part in path.split("/"))
