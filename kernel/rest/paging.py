"""Lists: newest first, by opaque cursor. A cursor is the id of the last row shown; nothing is counted."""

import base64
import binascii
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from django.db.models import Model, QuerySet

from kernel.errors import FieldError, Invalid
from kernel.rest.body import Query, View

T = TypeVar("T")
M = TypeVar("M", bound=Model)

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class PageQuery(Query):
    """`limit` rows (default 50, at most 200) after `cursor`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class Page(View, Generic[T]):
    """One page of a list."""

    data: list[T]
    next_cursor: str | None = None


def paginate(
    queryset: "QuerySet[M]", query: PageQuery, render: Callable[[M], T], *, integer: bool = False
) -> Page[T]:
    """A page of `queryset`, newest first by primary key. Raises Invalid for a cursor that we did not make."""
    if query.cursor:
        queryset = queryset.filter(pk__lt=_decode(query.cursor, integer=integer))
    rows = list(queryset.order_by("-pk")[: query.limit + 1])
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return Page(data=[render(row) for row in rows], next_cursor=_encode(rows[-1].pk) if more else None)


def _encode(key: uuid.UUID | int) -> str:
    raw = key.bytes if isinstance(key, uuid.UUID) else str(key).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(cursor: str, *, integer: bool) -> Any:
    try:
        raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        if integer:
            return min(int(raw.decode("ascii")), 2**31 - 1)
        return uuid.UUID(bytes=raw)
    except (ValueError, binascii.Error, UnicodeError):
        raise Invalid(errors=[FieldError("cursor", "invalid", "This cursor is not one of ours.")]) from None
