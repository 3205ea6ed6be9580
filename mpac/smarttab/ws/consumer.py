"""The terminal's WebSocket: authenticates, greets, pushes the device's log, and asks for a fresh token in time.

Close codes: 4400 a frame broke the protocol, 4401 no valid token any more, 4429 too many frames or
connections, 1013 the platform cannot check the token or read the log just now.
"""

import asyncio
import time
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from kernel import clock, ids
from kernel.errors import DomainError, Unauthenticated, Unavailable
from kernel.logs import get_logger
from mpac.smarttab.services.device_log import acknowledge_events
from mpac.smarttab.ws import credentials, frames
from mpac.smarttab.ws.feed import Feed
from mpac.smarttab.ws.hub import hub
from mpac.smarttab.ws.threads import in_thread

logger = get_logger(__name__)

CLOSE_UNAUTHENTICATED = 4401
CLOSE_TRY_LATER = 1013
CLOSE_TOO_MANY = 4429
# A terminal needs one; those that a bad network left half open count until their end is noticed.
MOST_CONNECTIONS = 8
CHECK_S = 2.0
REAUTH_LEAD_S = 20.0


class TerminalConsumer(AsyncWebsocketConsumer):
    """One connection of one terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.terminal: credentials.Terminal | None = None
        self.feed: Feed | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._budget = frames.FrameBudget()
        self._acknowledged = self._stored = 0
        self._reauth_sent = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection; whatever ends it, nothing of it stays behind."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            for task in self._tasks:
                task.cancel()
            if self.terminal is not None and self.feed is not None:
                hub.leave(self.terminal.device_id, self.feed.wake)

    async def connect(self) -> None:
        """Accept, then say hello or why not: only after accepting can a client see the close code."""
        token = credentials.token_of(self.scope)
        await self.accept(subprotocol=credentials.subprotocol_of(self.scope))
        terminal = await self._authenticate_or_close(token)
        if terminal is None:
            return
        if hub.connections_of(terminal.device_id) >= MOST_CONNECTIONS:
            await self.close(code=CLOSE_TOO_MANY)
            return
        feed = Feed(device_id=terminal.device_id, scope=terminal.scope, send=self._send_text)
        self.terminal, self.feed = terminal, feed
        await hub.join(terminal.device_id, feed.wake)
        try:
            bounds = await feed.open()
        except DatabaseError:
            await self.close(code=CLOSE_TRY_LATER)
            return
        device_id = ids.encode("dev", terminal.device_id)
        await self._send_text(
            frames.plain_frame("hello", device_id=device_id, head=bounds.head, floor=bounds.floor)
        )
        self._tasks = [asyncio.create_task(feed.run()), asyncio.create_task(self._watch())]

    async def disconnect(self, code: int) -> None:
        """Keep the last acknowledgement."""
        await self._store_acknowledgement()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Obey one frame; refuse what breaks the protocol and close."""
        if self.terminal is None or self.feed is None:
            return
        try:
            self._budget.spend(at=time.monotonic())
            frame = frames.decode(text_data)
        except frames.FrameRefused as refusal:
            await self._send_text(frames.plain_frame("error", code=refusal.code, message=str(refusal)))
            await self.close(code=refusal.close)
            return
        match frame:
            case frames.Resume(after=after):
                await self._resume(self.feed, after)
            case frames.Ack(seq=seq):
                self._acknowledged = max(self._acknowledged, seq)
                self.feed.start()
            case frames.Auth(token=token):
                await self._renew(token)
            case frames.Ping():
                await self._send_text(frames.plain_frame("pong"))

    async def _resume(self, feed: Feed, after: int) -> None:
        if await feed.resume(after):
            return
        message = "The log does not reach that far."
        await self._send_text(
            frames.plain_frame("error", code="resume_beyond_head", message=message, head=feed.head)
        )

    async def _renew(self, token: str) -> None:
        terminal = await self._authenticate_or_close(token)
        if terminal is None:
            return
        if self.terminal is None or terminal.device_id != self.terminal.device_id:
            await self.close(code=CLOSE_UNAUTHENTICATED)
            return
        self.terminal = terminal
        self._reauth_sent = False

    async def _watch(self) -> None:
        """Look every two seconds whether the token still counts, and keep what was acknowledged."""
        while True:
            await asyncio.sleep(CHECK_S)
            if not await self._still_trusted():
                await self.close(code=CLOSE_UNAUTHENTICATED)
                return
            await self._store_acknowledgement()

    async def _still_trusted(self) -> bool:
        terminal = self.terminal
        if terminal is None:
            return False
        left_s = (terminal.expires_at - clock.now()).total_seconds()
        if left_s <= 0:
            return False
        if left_s <= REAUTH_LEAD_S and not self._reauth_sent:
            self._reauth_sent = True
            await self._send_text(frames.plain_frame("reauth"))
        try:
            await in_thread(lambda: credentials.authenticate(terminal.token, now=clock.now()))
        except Unauthenticated:
            return self.terminal is not terminal  # renewed meanwhile
        except Exception as error:  # noqa: BLE001  (an outage is no revocation; the token still ends by itself)
            logger.warning("a terminal's token could not be checked", error=str(error))
        return True

    async def _authenticate_or_close(self, token: str | None) -> credentials.Terminal | None:
        """Whose token it is; otherwise close, with a code that tells a bad token from a bad moment."""
        try:
            return await in_thread(lambda: credentials.authenticate(token, now=clock.now()))
        except (Unavailable, DatabaseError):
            await self.close(code=CLOSE_TRY_LATER)
        except DomainError:
            await self.close(code=CLOSE_UNAUTHENTICATED)
        return None

    async def _store_acknowledgement(self) -> None:
        terminal, seq = self.terminal, self._acknowledged
        if terminal is None or seq <= self._stored:
            return
        try:
            await in_thread(
                lambda: acknowledge_events(
                    scope=terminal.scope, device_id=terminal.device_id, seq=seq, now=clock.now()
                )
            )
            self._stored = seq
        except Exception as error:  # noqa: BLE001  (an acknowledgement is a courtesy; the next one says the same)
            logger.warning("an acknowledgement was not kept", error=str(error))

    async def _send_text(self, text: str) -> None:
        await self.send(text_data=text)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Route a message without the thread hop that the base class spends on database connections."""
        handler = getattr(self, message["type"].replace(".", "_"))
        await handler(message)
