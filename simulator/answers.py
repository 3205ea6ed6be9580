"""Reading and writing JSON bodies, within bounds."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

MAX_BODY = 64 * 1024


class BodyRefused(Exception):
    """The body is too large or no JSON object."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Json(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the content; times as RFC 3339."""
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)


async def read_object(request: Request) -> dict[str, Any]:
    """The request's JSON object. Raises BodyRefused: 413 above 64 KiB, 400 when it is no object."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise BodyRefused(413, f"a body has at most {MAX_BODY} bytes")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise BodyRefused(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise BodyRefused(400, "the body is not a JSON object")
    return body
