"""What is measured: creating an intent, a cash sale, a QR sale, and the way of a push."""

import itertools
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

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


class Scenarios:
    """The works of a load; each has connections of its own."""

    def __init__(self, demo: dict[str, Any], tokens: Tokens, listener: Listener) -> None:
        self._demo, self._tokens, self._listener = demo, tokens, listener
        self._clients: list[Client | Connection] = []
        self.intent = intent_body(demo)

    def create_intent(self) -> Work:
        """A partner's server creates an intent."""
        client = self._client(lambda: self._demo["psp"]["api_key"])

        async def work() -> None:
            answer = await client.post("/v1/payment-intents", self.intent)
            if answer["status"] != "requires_confirmation":
                raise Wrong(f"intent {answer['status']}")

        return work

    def cash_sale(self) -> Work:
        """Order, bill, cash: three calls."""
        client = self._terminal()

        async def work() -> None:
            payment = await self._pay(client, CASH)
            if payment["status"] != "completed":
                raise Wrong(f"cash {payment['status']}")

        return work

    def qr_sale(self) -> Work:
        """Order, bill, QR code, the customer pays, until the push says completed."""
        client, bank = self._terminal(), Connection(self._demo["simulator_url"])
        self._clients.append(bank)

        async def work() -> None:
            payment = await self._pay(client, QR)
            action = payment.get("next_action")
            if not action:
                raise Wrong(f"no QR code, payment {payment['status']}")
            body = json.dumps({"qr_payload": action["qr_payload"]}).encode()
            status, answer = await bank.call("POST", "/__pay", body)
            if status != 200:
                raise Wrong(f"/__pay: {status} {answer[:120].decode(errors='replace')}")
            await self._listener.arrival(payment["id"])

        return work

    def push(self, delays: list[tuple[float, float]]) -> Work:
        """A cash sale; notes how long after the answer, and after the request, its push arrived."""
        client = self._terminal()

        async def work() -> None:
            order = await client.post("/v1/orders", ORDER)
            bill = await client.post(f"/v1/orders/{order['id']}/bills", b"{}")
            asked = time.perf_counter()
            payment = await client.post(f"/v1/bills/{bill['id']}/payments", CASH)
            answered = time.perf_counter()
            arrived = await self._listener.arrival(payment["id"])
            delays.append((max(0.0, arrived - answered), arrived - asked))

        return work

    def close(self) -> None:
        for client in self._clients:
            client.close()

    async def _pay(self, client: Client, body: bytes) -> dict[str, Any]:
        order = await client.post("/v1/orders", ORDER)
        bill = await client.post(f"/v1/orders/{order['id']}/bills", b"{}")
        return await client.post(f"/v1/bills/{bill['id']}/payments", body)

    def _terminal(self) -> Client:
        return self._client(self._tokens.current)

    def _client(self, bearer: Callable[[], str]) -> Client:
        client = Client(self._demo["base_url"], bearer)
        self._clients.append(client)
        return client


def intent_body(demo: dict[str, Any], **more: str) -> bytes:
    """An intent for 145.50 baht by QR at the demo store."""
    wanted = {
        "amount": TOTAL,
        "currency": "THB",
        "merchant_id": demo["merchant_id"],
        "store_id": demo["store_id"],
        "method": "qr_code",
        "capture_method": "automatic",
    }
    return json.dumps(wanted | more).encode()


def _shape(path: str) -> str:
    return "/".join("*" if "_" in part else part for part in path.split("/"))
