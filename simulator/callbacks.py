"""The providers' own calls: telling the merchant's server what happened.

Each is signed as its provider signs, anew for every delivery. One that is not accepted is tried three times more.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import orjson

from simulator.houses import Notice
from simulator.scripts import Behaviour

RETRIES = 3
_REMEMBERED = 1000
_log = logging.getLogger(__name__)

Pause = Callable[[float], Awaitable[None]]


class Callbacks:
    """Sends notices, in the background or awaited, and remembers the latest ones."""

    def __init__(
        self,
        *,
        timeout_s: float,
        retry_s: float,
        shuffle_s: float,
        pause: Pause = asyncio.sleep,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.sent: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)
        self._retry_s, self._shuffle_s, self._pause = retry_s, shuffle_s, pause
        self._timeout_s, self._transport = timeout_s, transport
        self._client: httpx2.AsyncClient | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._held: list[Notice] = []

    def start(self, work: Awaitable[None]) -> None:
        """Run work of the bank's own accord, beside the answer to whoever caused it."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def send(self, notice: Notice, *, how: Behaviour) -> None:
        """Send one notice in the background, once, twice, out of order or not at all."""
        if how is Behaviour.NO_WEBHOOK:
            return
        if how is Behaviour.WEBHOOK_SHUFFLED:
            self._held.append(notice)
            if len(self._held) == 1:
                self.start(self._send_held())
            return
        for _ in range(2 if how is Behaviour.WEBHOOK_TWICE else 1):
            self.start(self._deliver(notice))

    async def send_now(self, notice: Notice) -> None:
        """Send one notice and wait for its first answer; tries after that go on in the background."""
        if not await self._try(notice, attempt=1):
            self.start(self._deliver(notice, first=2))

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    async def close(self) -> None:
        """Drop what is under way."""
        for task in self._running:
            task.cancel()
        await self.settled()
        self._held.clear()
        if self._client:
            await self._client.aclose()
            self._client = None

    async def _send_held(self) -> None:
        await self._pause(self._shuffle_s)
        held, self._held = self._held, []
        for notice in reversed(held):
            if not await self._try(notice, attempt=1):
                self.start(self._deliver(notice, first=2))

    async def _deliver(self, notice: Notice, *, first: int = 1) -> None:
        for attempt in range(first, RETRIES + 2):
            if attempt > 1:
                await self._pause(self._retry_s)
            if await self._try(notice, attempt=attempt):
                return
        _log.warning("callback %s given up", notice.reference)

    async def _try(self, notice: Notice, *, attempt: int) -> bool:
        sent_at = time.time()
        status, answer = await self._post(notice)
        accepted = status is not None and notice.accepted(status, answer)
        self.sent.append(
            {
                "provider": notice.provider,
                "reference": notice.reference,
                "payload": notice.payload,
                "sent_at": sent_at,
                "attempt": attempt,
                "status": status,
                "answer": answer,
                "accepted": accepted,
            }
        )
        return accepted

    async def _post(self, notice: Notice) -> tuple[int | None, dict[str, Any]]:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                timeout=self._timeout_s, transport=self._transport, trust_env=False
            )
        try:
            body = orjson.dumps(notice.payload)
            headers = {"content-type": "application/json", **notice.headers(body)}
            response = await self._client.post(notice.url, content=body, headers=headers)
            answer = orjson.loads(response.content)
        except httpx2.HTTPError:
            return None, {}
        except orjson.JSONDecodeError:
            return response.status_code, {"text": response.text[:100]}
        return response.status_code, answer if isinstance(answer, dict) else {}
