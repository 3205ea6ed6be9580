"""The demo device's WebSocket: when did which payment's completion arrive."""

import asyncio
import json
import time
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from simulator.terminal.tokens import Tokens

PATIENCE_S = 30.0
ACK_EVERY = 50


class Listener:
    """Use as an async context manager; `arrival` waits for a payment's push."""

    def __init__(self, demo: dict[str, Any], tokens: Tokens) -> None:
        self._url, self._tokens = demo["ws_url"], tokens
        self._arrived: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Future[float]] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        greeted = asyncio.Event()
        self._task = asyncio.create_task(self._listen(greeted))
        async with asyncio.timeout(PATIENCE_S):
            await greeted.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def arrival(self, payment_id: str) -> float:
        """`time.perf_counter()` at the push of the payment's completion. Raises TimeoutError."""
        if payment_id in self._arrived:
            return self._arrived.pop(payment_id)
        future = self._waiting[payment_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return float(await future)
        finally:
            self._waiting.pop(payment_id, None)

    async def _listen(self, greeted: asyncio.Event) -> None:
        last: int | None = None
        while True:
            token = await asyncio.to_thread(self._tokens.renew)
            try:
                async with connect(
                    self._url, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None
                ) as socket:
                    if last is not None:
                        await socket.send(json.dumps({"type": "resume", "after": last}))
                    async for text in socket:
                        frame = json.loads(text)
                        if frame["type"] == "event":
                            last = frame["seq"]
                        await self._take(socket, frame, greeted)
            except (OSError, ConnectionClosed):
                await asyncio.sleep(0.2)

    async def _take(self, socket: ClientConnection, frame: dict[str, Any], greeted: asyncio.Event) -> None:
        now = time.perf_counter()
        if frame["type"] == "hello":
            greeted.set()
        elif frame["type"] == "reauth":
            token = await asyncio.to_thread(self._tokens.renew)
            await socket.send(json.dumps({"type": "auth", "token": token}))
        elif frame["type"] == "event":
            if frame["event"]["type"] == "payment.completed":
                self._note(payment_of(frame["event"]["data"]), now)
            if frame["seq"] % ACK_EVERY == 0:
                await socket.send(json.dumps({"type": "ack", "seq": frame["seq"]}))

    def _note(self, payment_id: str, now: float) -> None:
        future = self._waiting.get(payment_id)
        if future and not future.done():
            future.set_result(now)
        else:
            self._arrived[payment_id] = now


def payment_of(data: dict[str, Any]) -> str:
    """The payment that an event is about, wherever its data names it."""
    for value in data.values():
        if isinstance(value, str) and value.startswith("pay_"):
            return value
        if isinstance(value, dict) and (found := payment_of(value)):
            return found
    return ""
