"""Instants in queries and bodies: RFC 3339, taken as text so that every fault names its field."""

import datetime as dt
from typing import Annotated

import msgspec

from kernel.errors import FieldError, Invalid

Moment = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$",
        extra_json_schema={"format": "date-time"},
    ),
]
FIRST = dt.datetime(dt.MINYEAR, 1, 1, tzinfo=dt.UTC)
LAST = dt.datetime(dt.MAXYEAR, 12, 31, tzinfo=dt.UTC)


def moment(field: str, text: str) -> dt.datetime:
    """The moment in UTC; one that no calendar has there is the first or the last. Raises Invalid when there is no such day."""
    try:
        return msgspec.convert(text, dt.datetime).astimezone(dt.UTC)
    except OverflowError:
        return FIRST if text.startswith("0001") else LAST
    except msgspec.ValidationError:
        raise Invalid(errors=[FieldError(field, "invalid", "There is no such moment.")]) from None


def moment_if_any(field: str, text: str | None) -> dt.datetime | None:
    """The same where none may be given."""
    return None if text is None else moment(field, text)
