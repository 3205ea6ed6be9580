"""One LISTEN connection for all terminals of a realtime process, and a poll for what a lost wake-up would have said.

The hub wakes subscribers; it never carries events. It lives as long as somebody is subscribed, in the event loop of
the first subscriber.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Callable

import psycopg

from kernel.db import address_of, login_of
from kernel.logs import get_logger
from kernel.tenancy import SystemScope
from mpac.smarttab.db import atomic, db
from mpac.smarttab.selectors.device_log import list_heads
from mpac.smarttab.services.device_log import CHANNEL
from mpac.smarttab.ws.threads import in_thread

logger = get_logger(__name__)

POLL_S = 2.0
LISTEN_WAIT_S = 1.0
PROBE_S = 15.0

Wake = Callable[[], None]


class Hub:
    """Who waits for which device."""

    def __init__(self) -> None:
        self._waiting: dict[uuid.UUID, list[Wake]] = {}
        self._heads: dict[uuid.UUID, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._listening = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def join(self, device_id: uuid.UUID, wake: Wake) -> None:
        """Call `wake` whenever the device may have something to read, from before this returns."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # the loop that the hub lived in is gone
            self._loop, self._waiting, self._tasks = loop, {}, []
        self._waiting.setdefault(device_id, []).append(wake)
        if not self._tasks:
            self._listening = asyncio.Event()
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._poll())]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._listening.wait(), LISTEN_WAIT_S)

    def connections_of(self, device_id: uuid.UUID) -> int:
        """How many connections of a device this process serves."""
        return len(self._waiting.get(device_id, ()))

    def leave(self, device_id: uuid.UUID, wake: Wake) -> None:
        """Stop calling `wake`. The last one to leave stops the hub."""
        waiting = self._waiting.get(device_id, [])
        if wake in waiting:
            waiting.remove(wake)
        if not waiting:
            self._waiting.pop(device_id, None)
            self._heads.pop(device_id, None)
        if not self._waiting:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (psycopg.Error, OSError) as error:
                logger.warning("device wake-ups are not heard; polling until they are", error=str(error))
            self._listening.clear()
            await asyncio.sleep(POLL_S)

    async def _listen_once(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            **address_of(db.alias),
            **login_of(db.alias),
            application_name="mpac-realtime-listen",
            autocommit=True,
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._listening.set()
            self._wake_all()
            while True:
                async for notify in connection.notifies(timeout=PROBE_S):
                    self._heard(notify.payload)
                await connection.execute("SELECT 1")  # a connection that died in silence is found out here

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            device_ids = list(self._waiting)
            try:
                heads = await in_thread(lambda ids=device_ids: _read_heads(ids))  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001  (whatever it was, the next poll tries again)
                logger.warning("device heads could not be polled", error=str(error))
                continue
            for device_id, head in heads.items():
                if device_id in self._waiting and self._heads.get(device_id) != head:
                    self._heads[device_id] = head
                    self._wake(device_id)

    def _heard(self, payload: str) -> None:
        with contextlib.suppress(ValueError):
            self._wake(uuid.UUID(payload))

    def _wake(self, device_id: uuid.UUID) -> None:
        for wake in list(self._waiting.get(device_id, ())):
            wake()

    def _wake_all(self) -> None:
        for device_id in list(self._waiting):
            self._wake(device_id)


def _read_heads(device_ids: list[uuid.UUID]) -> dict[uuid.UUID, int]:
    with atomic(SystemScope("realtime")):
        return list_heads(device_ids)


hub = Hub()
