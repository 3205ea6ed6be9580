"""Calls to providers: one deadline per call, and every failure sorted into "never sent" or "unclear".

Nothing is repeated here. An answer of any status is an answer; what it proves is the adapter's business.
"""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, TypeVar

import httpx2
import msgspec

from mpac.pgw.adapters.port import NotProcessed, Unknown

CONNECT_TIMEOUT_S = 2.0
MAX_BODY_BYTES = 1024 * 1024
_Kind = TypeVar("_Kind")
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
)


class Garbled(ValueError):
    """A provider's answer cannot be read."""


@dataclass(frozen=True, slots=True)
class Failure:
    """No readable answer. `never_sent` proves that the provider processed nothing; `unclear` proves nothing."""

    kind: Literal["never_sent", "unclear"]
    code: str
    message: str

    def outcome(self) -> NotProcessed | Unknown:
        """What a call that changes something comes to by this failure."""
        verdict = NotProcessed if self.kind == "never_sent" else Unknown
        return verdict(code=self.code, message=self.message)

    def doubt(self) -> Unknown:
        """What a question comes to by this failure: nothing was learned, reached or not."""
        return Unknown(code=self.code, message=self.message)


NOT_CONFIGURED = Failure("never_sent", "provider_not_configured", "The provider's address is not set.")
UNREADABLE = Failure("unclear", "garbled", "The provider's answer cannot be read.")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the provider, of whatever status."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        """The body as JSON. Raises Garbled, also for text that no database keeps."""
        if b"\\u0000" in self.body:
            message = "text that no database keeps"
            raise Garbled(message)
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Garbled(str(error)) from None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises Garbled."""
        content = self.json()
        if not isinstance(content, dict):
            message = "the answer is not an object"
            raise Garbled(message)
        return content


@dataclass(frozen=True, slots=True)
class Reply:
    """A readable answer: HTTP status and the object or the error in it; a success may say nothing."""

    status: int
    data: dict[str, Any]

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - the range of HTTP's successes


class HttpClient:
    """One connection pool per process, for any number of accounts. Safe to share between threads and across forks."""

    def __init__(self, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._transport = transport
        self._lock = threading.Lock()
        self._http: tuple[int, httpx2.Client] | None = None

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer | Failure:
        """One call. `content` is sent byte for byte, since some providers want it signed."""
        deadline = time.monotonic() + timeout_s
        timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))
        try:
            with self._client().stream(
                method, url, headers=headers, params=params, content=content, timeout=timeout
            ) as answer:
                body = _read(answer, deadline=deadline)
                return Answer(answer.status_code, body, answer.headers)
        except _NEVER_SENT as error:
            return Failure("never_sent", "not_reached", type(error).__name__)
        except httpx2.TimeoutException as error:
            return Failure("unclear", "timeout", type(error).__name__)
        except httpx2.HTTPError as error:
            return Failure("unclear", "connection_lost", type(error).__name__)
        except Garbled:
            return UNREADABLE

    def _client(self) -> httpx2.Client:
        """The connection pool of this process; a forked child makes its own."""
        with self._lock:
            if self._http is None or self._http[0] != os.getpid():
                client = httpx2.Client(transport=self._transport, follow_redirects=False, trust_env=False)
                self._http = (os.getpid(), client)
            return self._http[1]


def is_sendable(*texts: str | None) -> bool:
    """Whether credentials are there and can stand in a header."""
    return all(text and text.isascii() and text.isprintable() for text in texts)


def read_object(answer: Answer | Failure) -> Reply | Failure:
    """The reply of a provider that answers with an object, or with nothing where it says so."""
    if isinstance(answer, Failure):
        return answer
    if answer.status == HTTPStatus.NO_CONTENT:
        return Reply(answer.status, {})
    try:
        return Reply(answer.status, answer.object())
    except Garbled:
        return UNREADABLE


def convert(data: Any, kind: type[_Kind]) -> _Kind:
    """A part of an answer as what it must be. Raises Garbled."""
    try:
        converted: _Kind = msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Garbled(str(error)) from None
    return converted


def _read(answer: httpx2.Response, *, deadline: float) -> bytes:
    """The whole body, within the deadline even when it drips. Raises Garbled or ReadTimeout."""
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            message = "the answer is too long"
            raise Garbled(message)
        if time.monotonic() > deadline:
            message = "the answer came too slowly"
            raise httpx2.ReadTimeout(message)
    return bytes(body)
