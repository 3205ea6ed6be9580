"""Reading JSON bodies within bounds, answering in JSON, and the errors of the simulator's own calls (RFC 9457)."""

from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

MAX_BODY = 64 * 1024


class Refused(Exception):
    """The call is refused and nothing happened."""

    def __init__(self, message: str, *, code: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class Json(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the content; times as RFC 3339."""
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def problem(error: Refused) -> Response:
    """The error as an answer."""
    body = {
        "type": "about:blank",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "code": error.code,
        "detail": str(error),
    }
    return Json(body, status_code=error.status, media_type="application/problem+json")


async def read_body(request: Request) -> bytes:
    """The request's raw body. Raises Refused: 413 above 64 KiB."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            message = f"a body has at most {MAX_BODY} bytes"
            raise Refused(message, code="body_too_large", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(raw)


async def read_object(request: Request) -> dict[str, Any]:
    """The request's JSON object. Raises Refused: 413 above 64 KiB, 400 when it is no object."""
    return parse_object(await read_body(request))


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises Refused: 400 when it is none."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refused("the body is not JSON", code="body_malformed") from None
    if not isinstance(body, dict):
        raise Refused("the body is not a JSON object", code="body_malformed")
    return body
