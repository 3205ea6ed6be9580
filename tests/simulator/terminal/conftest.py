"""A platform of a few lines: it answers what the test tells it to and pushes what the test gives it."""

import json
import queue
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from joserfc.jwk import ECKey
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from simulator.terminal.client import Terminal

PATIENCE_S = 10
Handler = Callable[[httpx2.Request], httpx2.Response]
Answer = httpx2.Response | Exception


class Platform:
    """HTTP in process: queued answers by method and path; tokens are made up and counted."""

    def __init__(self) -> None:
        self.calls: list[httpx2.Request] = []
        self.assertions: list[str] = []
        self.tokens: list[str] = []
        self.expires_in = 120
        self.log: list[dict[str, Any]] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}

    def will(self, method: str, path: str, *answers: Answer) -> None:
        self._answers.setdefault((method, path), []).extend(answers)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path == "/v1/auth/token":
            return self._token(request)
        self.calls.append(request)
        if path == "/v1/devices/me/events":
            after = int(request.url.params["after"])
            return httpx2.Response(200, json={"data": [entry for entry in self.log if entry["seq"] > after]})
        answer = self._answers[request.method, path].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def keys(self) -> list[str]:
        return [call.headers["Idempotency-Key"] for call in self.calls]

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        form = parse_qs(request.content.decode())
        assert form["grant_type"] == ["client_credentials"]
        self.assertions += form["client_assertion"]
        self.tokens.append(uuid.uuid4().hex)
        body = {"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": self.expires_in}
        return httpx2.Response(200, json=body)


class Line:
    """The platform's WebSocket: every connection says hello, then what the test sends; frames it gets are kept."""

    def __init__(self) -> None:
        self.head = 0
        self.got: queue.Queue[dict[str, Any]] = queue.Queue()
        self.bearers: list[str] = []
        self.refuses = 0
        self._connected: queue.Queue[ServerConnection] = queue.Queue()
        self._server = serve(self._handle, "127.0.0.1", 0, process_request=self._admit)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/ws/v1/terminal"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def connection(self) -> ServerConnection:
        return self._connected.get(timeout=PATIENCE_S)

    def frame(self) -> dict[str, Any]:
        return self.got.get(timeout=PATIENCE_S)

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def _admit(self, connection: ServerConnection, request: Any) -> Any:
        if self.refuses:
            self.refuses -= 1
            return connection.respond(503, "not yet")
        self.bearers.append(request.headers["Authorization"])
        return None

    def _handle(self, connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "hello", "device_id": "dev_1", "head": self.head, "floor": 1}))
        self._connected.put(connection)
        try:
            for frame in connection:
                self.got.put(json.loads(frame))
        except ConnectionClosed:
            return


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.stop()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def connect(platform: Platform, pauses: list[float]) -> Iterator[Callable[..., Terminal]]:
    """A terminal of the platform whose WebSocket is at the given address."""
    key = ECKey.generate_key("P-256", {"kid": "dev-key-1"})
    opened: list[Terminal] = []

    def connect(ws_url: str = "ws://nowhere.test/", *, answer: Handler = platform.answer) -> Terminal:
        demo = {
            "base_url": "http://platform.test",
            "simulator_url": "http://bank.test",
            "ws_url": ws_url,
            "issuer": "http://issuer.test",
            "device": {
                "device_id": "dev_1",
                "client_id": "client-1",
                "private_jwk": key.as_dict(private=True),
            },
        }
        transport = httpx2.MockTransport(answer)
        opened.append(Terminal(demo, pause=pauses.append, transport=transport))
        return opened[-1]

    yield connect
    for terminal in opened:
        terminal.close()


@pytest.fixture
def terminal(connect: Callable[[], Terminal]) -> Terminal:
    return connect()
