"""A minimal HTTP/1.1 keep-alive client: the load generator shares two cores with what it measures."""

import asyncio
import re
from typing import cast
from urllib.parse import urlsplit

LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
TIMEOUT_S = 60.0


class Lost(ConnectionError):
    """The server closed the connection instead of answering."""


class Connection(asyncio.Protocol):
    """One connection to one server, one request at a time, opened again when it was lost."""

    def __init__(self, base_url: str, *, head: bytes = b"Content-Type: application/json\r\n") -> None:
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = f"Host: {parts.netloc}\r\n".encode() + head
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._buffer = b""

    async def call(
        self, method: str, path: str, body: bytes = b"", headers: bytes = b""
    ) -> tuple[int, bytes]:
        """Send and wait: status and body. Raises ConnectionError, TimeoutError."""
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            await loop.create_connection(lambda: self, self._host, self._port)
        assert self._transport is not None
        self._answer, self._buffer = loop.create_future(), b""
        self._transport.write(
            b"%b %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b"
            % (method.encode(), path.encode(), self._head, headers, len(body), body)
        )
        async with asyncio.timeout(TIMEOUT_S):
            return await self._answer

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer and not self._answer.done():
            self._answer.set_exception(Lost(str(exc or "closed by the server")))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0 or not self._answer or self._answer.done():
            return
        head, body = self._buffer[:head_end], self._buffer[head_end + 4 :]
        if match := LENGTH.search(head):
            if len(body) < int(match[1]):
                return
        elif CHUNKED.search(head):
            if not body.endswith(b"0\r\n\r\n"):
                return
            body = _joined(body)
        self._answer.set_result((int(head[9:12]), body))


def _joined(chunked: bytes) -> bytes:
    """The body behind its chunks."""
    body, at = b"", 0
    while True:
        line_end = chunked.index(b"\r\n", at)
        size = int(chunked[at:line_end].split(b";")[0], 16)
        if not size:
            return body
        body += chunked[line_end + 2 : line_end + 2 + size]
        at = line_end + 2 + size + 2
