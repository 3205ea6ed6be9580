"""A terminal that speaks ASGI to the WebSocket's consumer."""

import asyncio
import json

from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.db import connections

from mpac.smarttab.ws.routing import websocket_urlpatterns

application = URLRouter(websocket_urlpatterns)
TIMEOUT = 5


class Terminal:
    """One connection; an async context manager."""

    def __init__(self, *, token=None, subprotocols=()):
        headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
        self.app = ApplicationCommunicator(
            application,
            {
                "type": "websocket",
                "path": "/ws/v1/terminal",
                "query_string": b"",
                "headers": headers,
                "subprotocols": list(subprotocols),
            },
        )

    async def __aenter__(self):
        await self.app.send_input({"type": "websocket.connect"})
        accepted = await self.app.receive_output(TIMEOUT)
        assert accepted["type"] == "websocket.accept"
        self.subprotocol = accepted.get("subprotocol")
        return self

    async def __aexit__(self, *_):
        await self.app.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.app.wait(TIMEOUT)

    async def receive(self):
        sent = await self.app.receive_output(TIMEOUT)
        assert sent["type"] == "websocket.send", sent
        return json.loads(sent["text"])

    async def nothing(self, *, during):
        return await self.app.receive_nothing(timeout=during)

    async def send(self, kind, **fields):
        await self.send_raw(text=json.dumps({"type": kind, **fields}))

    async def send_raw(self, **payload):
        await self.app.send_input({"type": "websocket.receive", **payload})

    async def closed(self):
        """The code of the close frame; frames before it are skipped."""
        while True:
            sent = await self.app.receive_output(TIMEOUT)
            if sent["type"] == "websocket.close":
                return sent["code"]

    async def seqs(self, count):
        frames = [await self.receive() for _ in range(count)]
        assert {frame["type"] for frame in frames} == {"event"}
        return [frame["seq"] for frame in frames]


def run(scenario):
    asyncio.run(scenario)


async def thread(function):
    """Run database work of the test itself beside the event loop."""

    def alone():
        try:
            return function()
        finally:
            connections.close_all()

    return await asyncio.to_thread(alone)
