"""The terminal's WebSocket.

A push is a hint: a number left out is fetched from the log and a lost connection resumed, so that the caller sees
every event once and in order.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from simulator.terminal.errors import ContractBroken, Unreachable, expect
from simulator.terminal.tokens import Tokens

_CONNECT_TRIES = 5
_RETRY_S = 0.5
_OPEN_TIMEOUT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Push:
    """One entry of the device's log."""

    seq: int
    type: str
    data: dict[str, Any]
    created_at: str

    @classmethod
    def of(cls, frame: dict[str, Any]) -> Self:
        """An event frame or an entry of the log read over HTTP."""
        event = frame.get("event", frame)
        expect(
            isinstance(frame.get("seq"), int) and isinstance(event.get("type"), str), "a strange event", frame
        )
        return cls(
            seq=frame["seq"],
            type=event["type"],
            data=event.get("data") or {},
            created_at=event.get("created_at", ""),
        )

    def is_about(self, object_id: str) -> bool:
        """Whether the event's data names the object."""
        return object_id in json.dumps(self.data)


class Pushes:
    """An open connection that comes back by itself. `last` is the newest sequence number handed out."""

    def __init__(
        self,
        *,
        url: str,
        device_id: str,
        tokens: Tokens,
        missed: Callable[[int], list[Push]],
        after: int | None,
        pause: Callable[[float], None],
    ) -> None:
        self.last = after
        self.connections = 0
        self._url, self._device_id, self._tokens, self._missed = url, device_id, tokens, missed
        self._pause = pause
        self._ready: deque[Push] = deque()
        self._socket: ClientConnection | None = None
        self._hanging_up = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Push]:
        while True:
            if (push := self.next(timeout_s=60)) is not None:
                yield push

    def open(self) -> None:
        """Connect unless connected; reading does it as well. Raises Unreachable."""
        if not self._socket:
            self._connect()

    def close(self) -> None:
        """Hang up; reading again connects and resumes."""
        self._hanging_up.close()
        self._socket = None

    def next(self, *, timeout_s: float) -> Push | None:
        """The next event, None when none came in time. Raises Unreachable, ContractBroken."""
        deadline = time.monotonic() + timeout_s
        while not self._ready:
            socket = self._socket or self._connect()
            try:
                frame = json.loads(socket.recv(timeout=max(0.0, deadline - time.monotonic())))
                self._take(socket, frame)
            except TimeoutError:
                return None
            except ConnectionClosed:
                self._socket = None
        push = self._ready.popleft()
        self.last = push.seq
        self._acknowledge(push.seq)
        return push

    def wait_for(self, event_type: str, *, about: str, timeout_s: float) -> Push:
        """Skip to the event of this type about this object. Raises ContractBroken when it does not come."""
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            push = self.next(timeout_s=left_s)
            if push and push.type == event_type and push.is_about(about):
                return push
        raise ContractBroken(f"no {event_type} about {about} within {timeout_s:.0f} s")

    def _connect(self) -> ClientConnection:
        trouble = ""
        for attempt in range(_CONNECT_TRIES):
            if attempt:
                self._pause(_RETRY_S * attempt)
            try:
                return self._greet()
            except (OSError, InvalidHandshake, ConnectionClosed) as error:
                trouble = repr(error)
        raise Unreachable(f"no WebSocket at {self._url}: {trouble}")

    def _greet(self) -> ClientConnection:
        token = self._tokens.renew() if self.connections else self._tokens.current()
        self._hanging_up.close()
        socket = self._hanging_up.enter_context(
            connect(
                self._url,
                additional_headers={"Authorization": f"Bearer {token}"},
                open_timeout=_OPEN_TIMEOUT_S,
                proxy=None,
            )
        )
        hello = json.loads(socket.recv(timeout=_OPEN_TIMEOUT_S))
        greets = hello.get("type") == "hello" and hello.get("device_id") == self._device_id
        expect(greets and isinstance(hello.get("head"), int), "no hello", hello)
        self._socket, self.connections = socket, self.connections + 1
        if self.last is None:
            self.last = hello["head"]
        elif self.last < hello["head"]:
            self._say(socket, {"type": "resume", "after": self.last})
        return socket

    def _take(self, socket: ClientConnection, frame: dict[str, Any]) -> None:
        if frame.get("type") == "event":
            self._queue(Push.of(frame))
        elif frame.get("type") == "gap":
            self.last = max(self._newest(), int(frame["to"]))
        elif frame.get("type") == "reauth":
            self._say(socket, {"type": "auth", "token": self._tokens.renew()})

    def _queue(self, push: Push) -> None:
        newest = self._newest()
        if push.seq > newest + 1:
            self._ready += [missed for missed in self._missed(newest) if missed.seq > newest]
            newest = self._newest()
        if push.seq > newest:
            self._ready.append(push)

    def _newest(self) -> int:
        return self._ready[-1].seq if self._ready else self.last or 0

    def _acknowledge(self, seq: int) -> None:
        if self._socket:
            try:
                self._say(self._socket, {"type": "ack", "seq": seq})
            except ConnectionClosed:
                self._socket = None

    @staticmethod
    def _say(socket: ClientConnection, frame: dict[str, Any]) -> None:
        socket.send(json.dumps(frame))
