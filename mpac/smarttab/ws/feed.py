"""Pushing a device's log through one connection: in order, without gaps, without repeats, from a cursor."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

from kernel.logs import get_logger
from kernel.tenancy import TenantScope
from mpac.smarttab.db import atomic
from mpac.smarttab.domain.device_log import LogBounds, gap_after
from mpac.smarttab.selectors import views
from mpac.smarttab.selectors.device_log import LogPage, find_bounds, read_log
from mpac.smarttab.ws import frames
from mpac.smarttab.ws.threads import in_thread

logger = get_logger(__name__)

BATCH = 100
RETRY_S = 1.0
# A terminal that resumes says so as soon as it is greeted. Until it has, or this long, nothing is pushed, so that what
# it missed comes before what is new.
GRACE_S = 0.25

Send = Callable[[str], Awaitable[None]]


class Feed:
    """The pushing side of a connection. `cursor` is the last sequence that was sent, or that the client had."""

    def __init__(self, *, device_id: uuid.UUID, scope: TenantScope, send: Send) -> None:
        self.device_id = device_id
        self.scope = scope
        self.head = 0
        self._cursor = 0
        self._moves = 0
        self._send = send
        self._wake = asyncio.Event()
        self._started = asyncio.Event()

    async def open(self) -> LogBounds:
        """Read where the log stands; from here on everything newer is pushed once `run` runs."""
        bounds = await in_thread(self._bounds)
        self._cursor = self.head = bounds.head
        return bounds

    def wake(self) -> None:
        """Look into the log soon."""
        self._wake.set()

    def start(self) -> None:
        """Stop waiting for a resume."""
        self._started.set()

    async def resume(self, after: int) -> bool:
        """Push everything after `after`. Returns whether the log reaches that far; if not, nothing changes."""
        if after > self.head:
            self.head = (await in_thread(self._bounds)).head
        if after <= self.head:
            self._cursor = after
            self._moves += 1
        self.start()
        self.wake()
        return after <= self.head

    async def run(self) -> None:
        """Push until cancelled."""
        try:
            await asyncio.wait_for(self._started.wait(), GRACE_S)
        except TimeoutError:
            self.start()
        self.wake()
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while await self._push_some():
                    pass
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  (a database that is away comes back; the cursor has not moved)
                logger.warning("device log could not be read", error=str(error))
                await asyncio.sleep(RETRY_S)
                self.wake()

    async def _push_some(self) -> bool:
        """Push the next stretch; returns whether there may be more."""
        moves, after = self._moves, self._cursor
        page = await in_thread(lambda: self._page(after))
        if moves != self._moves:
            return True
        self.head = page.bounds.head
        gap = gap_after(after=after, bounds=page.bounds)
        if gap is not None:
            await self._send(frames.plain_frame("gap", **{"from": gap.first, "to": gap.last}))
            self._cursor = gap.last
            return True
        for event in page.events:
            if event.seq != self._cursor + 1 or moves != self._moves:
                return True  # trimmed or resumed meanwhile: read again
            self._cursor = event.seq
            await self._send(frames.event_frame(views.logged_event(event)))
        return len(page.events) == BATCH

    def _bounds(self) -> LogBounds:
        with atomic(self.scope):
            return find_bounds(self.device_id)

    def _page(self, after: int) -> LogPage:
        with atomic(self.scope):
            return read_log(self.device_id, after=after, limit=BATCH)
