"""Answers that never come: the HTTP side of the misbehaviours.

A hang is bounded by a time and by the caller's patience; a reset really resets the TCP connection.
"""

import asyncio
import os
import socket
import struct

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulator.scripts import Behaviour

_TRANSPORT = "simulator.transport"
_LINGER_ZERO = struct.pack("ii", 1, 0)


class BreakableProtocol(HttpToolsProtocol):
    """The server's HTTP protocol, handing each request the connection it came over."""

    def on_message_begin(self) -> None:
        """Begin a request's scope."""
        super().on_message_begin()
        self.scope["extensions"] = {_TRANSPORT: self.transport}  # type: ignore[dict-item]


class Silence(Response):
    """Says nothing until the caller gives up or the time is over, then closes the connection."""

    def __init__(self, *, hang_s: float) -> None:
        super().__init__()
        self._hang_s = hang_s

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        """Wait instead of answering."""
        try:
            await asyncio.wait_for(_disconnected(receive), self._hang_s)
        except TimeoutError:
            await _break(scope, receive, resets=False)


class Reset(Response):
    """Resets the connection instead of answering."""

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        """Send RST."""
        await _break(scope, receive, resets=True)


def lost_answer(behaviour: Behaviour, *, hang_s: float) -> Response | None:
    """What comes instead of the answer to a call that was carried out; None when the answer comes."""
    if behaviour is Behaviour.HANG_AFTER:
        return Silence(hang_s=hang_s)
    if behaviour is Behaviour.RESET_AFTER:
        return Reset()
    return None


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _break(scope: Scope, receive: Receive, *, resets: bool) -> None:
    transport: asyncio.Transport | None = (scope.get("extensions") or {}).get(_TRANSPORT)
    if transport is None:
        raise ConnectionResetError("this server cannot break its connection, so the request ends here")
    if resets:
        with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
    await _disconnected(receive)
