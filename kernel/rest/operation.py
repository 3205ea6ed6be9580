"""The declaration of one operation of the API: what it takes, what it gives, who may call it, how it is keyed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from kernel.principal import Reach

F = TypeVar("F", bound=Callable[..., Any])

Idempotent = Literal[True, False, "steps", "own"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What `@operation` declares; the endpoint runs by it and the OpenAPI document is made from it."""

    name: str
    summary: str
    body: type[msgspec.Struct] | None
    query: type[msgspec.Struct] | None
    response: Any
    status: int
    idempotent: Idempotent
    errors: tuple[int, ...]
    callers: frozenset[str] | None
    permission: str | None
    reach: Reach | None
    media_type: str
    request_media_type: str
    max_body_bytes: int | None
    raw: bool
    streamed: bool
    if_match: bool
    if_none_match: bool
    ranges: bool
    headers: tuple[str, ...]
    error_response: type[msgspec.Struct] | None


def operation(
    name: str,
    *,
    summary: str,
    response: Any = None,
    body: type[msgspec.Struct] | None = None,
    query: type[msgspec.Struct] | None = None,
    status: int = 200,
    idempotent: Idempotent = False,
    errors: tuple[int, ...] = (),
    callers: set[str] | frozenset[str] | None = None,
    permission: str | None = None,
    reach: Reach | None = None,
    media_type: str = "application/json",
    request_media_type: str = "application/json",
    max_body_bytes: int | None = None,
    raw: bool = False,
    streamed: bool = False,
    if_match: bool = False,
    if_none_match: bool = False,
    ranges: bool = False,
    headers: tuple[str, ...] = (),
    error_response: type[msgspec.Struct] | None = None,
) -> Callable[[F], F]:
    """Declare the method of an endpoint as the operation `name`.

    `idempotent=True` runs it in one transaction with its key; `"steps"` expects it to return `Steps`; `"own"` leaves the
    key to the method (a hot path that writes key and effect in one statement). `callers` overrides those of the class.
    `permission` is what the credential of a partner or person must carry, and `reach` the level that they must stand for as
    a whole. Whoever acts in another's name writes only where a permission says so.
    Without a `body` nothing but an empty object is taken; `raw` leaves body and query to the method, `streamed` a body
    that is a file. `if_match` asks for the version in If-Match, `if_none_match` spares the answer whom If-None-Match says
    has it; with `ranges` a part of it may be asked for. `headers` are those that the answer bears besides everybody's.
    `error_response` is the JSON form of 400 and 401 where a standard asks for another one than the problem document; the
    method renders it.
    """

    def declare(function: F) -> F:
        function.operation = Operation(  # type: ignore[attr-defined]
            name=name,
            summary=summary,
            body=body,
            query=query,
            response=response,
            status=status,
            idempotent=idempotent,
            errors=errors,
            callers=None if callers is None else frozenset(callers),
            permission=permission,
            reach=reach,
            media_type=media_type,
            request_media_type=request_media_type,
            max_body_bytes=max_body_bytes,
            raw=raw,
            streamed=streamed,
            if_match=if_match,
            if_none_match=if_none_match,
            ranges=ranges,
            headers=headers,
            error_response=error_response,
        )
        return function

    return declare
