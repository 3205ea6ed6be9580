"""A TCP proxy that misbehaves on command, between MPAC and a server: PostgreSQL, Redis, a bank."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

CHUNK = 65536
LINGER_S = 0.2

Address = tuple[str, int] | str


class FaultProxy:
    """Listens on a port of 127.0.0.1, or on a unix socket, and forwards to `upstream`; the faults are its methods.

    `drop_reply_to(words, after=others)` waits for a connection that sent the others and then the words, swallows what
    the server says to them and cuts it: the client cannot know whether its request was carried out. `blackhole()`
    accepts and never answers, `refuse()` cuts every connection at once, `cut_after(n)` cuts after n more bytes of
    answers, `heal()` ends all faults.
    """

    def __init__(self, upstream: Address, *, listen: Address = ("127.0.0.1", 0)) -> None:
        self._upstream = upstream
        self._listener = _socket(listen)
        self._listener.bind(listen)
        self._listener.listen(64)
        self._connections: list[socket.socket] = []
        self._lock = threading.Lock()
        self._closed = False
        self.dropped = threading.Event()
        self.heal()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def heal(self) -> None:
        self._drop: tuple[bytes, bytes] | None = None
        self._blackhole = self._refuse = False
        self._bytes_left: int | None = None

    def drop_reply_to(self, words: bytes, *, after: bytes) -> None:
        self.dropped.clear()
        self._drop = (after, words)

    def blackhole(self) -> None:
        self._blackhole = True

    def refuse(self) -> None:
        self._refuse = True
        self.cut()

    def cut_after(self, count: int) -> None:
        self._bytes_left = count

    def cut(self) -> None:
        """End every connection there is now."""
        with self._lock:
            for connection in self._connections:
                _end(connection)
            self._connections.clear()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refuse:
                client.close()
                continue
            server = _socket(self._upstream)
            server.connect(self._upstream)
            with self._lock:
                self._connections += [client, server]
            dropping = threading.Event()
            threading.Thread(target=self._forward, args=(client, server, dropping), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client, dropping), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket, dropping: threading.Event) -> None:
        said = b""
        for chunk in _chunks(client):
            if self._blackhole:
                continue
            if self._drop is not None:
                said += chunk
                after, words = self._drop
                if words in said.partition(after)[2]:
                    self._drop = None
                    dropping.set()
            if not _send(server, chunk):
                break
        _end(client, server)

    def _answer(self, server: socket.socket, client: socket.socket, dropping: threading.Event) -> None:
        for chunk in _chunks(server):
            if dropping.is_set():
                # What the server still says is heard to its end, so that its work is done when the client is told nothing.
                server.settimeout(LINGER_S)
                for _ in _chunks(server):
                    pass
                self.dropped.set()
                break
            if self._blackhole:
                continue
            if self._bytes_left is not None:
                self._bytes_left -= len(chunk)
                if self._bytes_left < 0:
                    break
            if not _send(client, chunk):
                break
        _end(client, server)


@contextlib.contextmanager
def between(upstream: Address, *, listen: Address = ("127.0.0.1", 0)) -> Iterator[FaultProxy]:
    """A proxy in front of `upstream` for the length of a block; a unix socket it listened on is removed."""
    try:
        with FaultProxy(upstream, listen=listen) as proxy:
            yield proxy
    finally:
        if isinstance(listen, str):
            Path(listen).unlink(missing_ok=True)


def _socket(address: Address) -> socket.socket:
    return socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)


def _chunks(connection: socket.socket) -> Iterator[bytes]:
    receive: Callable[[int], bytes] = connection.recv
    while True:
        try:
            chunk = receive(CHUNK)
        except OSError:
            return
        if not chunk:
            return
        yield chunk


def _send(connection: socket.socket, chunk: bytes) -> bool:
    try:
        connection.sendall(chunk)
    except OSError:
        return False
    return True


def _end(*connections: socket.socket) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()
