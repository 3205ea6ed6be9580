"""Lists: newest first, by opaque cursor. A cursor is the id of the last row shown, in 16 bytes; nothing is counted."""

import base64
import uuid
from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

import msgspec
from django.db.models import Model, QuerySet

from kernel.rest.body import Query, View
from kernel.rest.paths import MAX_INT4

T = TypeVar("T")
M = TypeVar("M", bound=Model)

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
KEY_BYTES = 16


class PageQuery(Query):
    """`limit` rows (default 50, at most 200) after `cursor`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{22}$")] | None = None


class Page(View, Generic[T]):
    """One page of a list."""

    data: list[T]
    next_cursor: str | None = None


def paginate(
    queryset: "QuerySet[M]", query: PageQuery, render: Callable[[M], T], *, integer: bool = False
) -> Page[T]:
    """A page of `queryset`, newest first by primary key."""
    if query.cursor:
        queryset = queryset.filter(pk__lt=_decode(query.cursor, integer=integer))
    rows = list(queryset.order_by("-pk")[: query.limit + 1])
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return Page(data=[render(row) for row in rows], next_cursor=_encode(rows[-1].pk) if more else None)


def _encode(key: uuid.UUID | int) -> str:
    raw = key.bytes if isinstance(key, uuid.UUID) else key.to_bytes(KEY_BYTES)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(cursor: str, *, integer: bool) -> uuid.UUID | int:
    raw = base64.urlsafe_b64decode(f"{cursor}==")
    return min(int.from_bytes(raw), MAX_INT4) if integer else uuid.UUID(bytes=raw)
