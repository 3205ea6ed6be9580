"""Strict decoding of what comes in, JSON bodies and query strings into msgspec structs, faults into named fields; and
the one way in which answers become JSON.
"""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, TypeVar, dataclass_transform

import msgspec
import orjson
from django.http import HttpRequest
from django.http.request import RawPostDataException

from kernel.clock import rfc3339
from kernel.errors import DomainError, FieldError, Invalid

S = TypeVar("S", bound=msgspec.Struct)

PATH = re.compile(r"^(?P<message>.*?)(?: - at `\$?(?P<path>.*)`)?$", re.DOTALL)
NUL = "\x00"


@dataclass_transform(kw_only_default=True, field_specifiers=(msgspec.field,))
class _KeywordOnly(msgspec.StructMeta):
    """Makes every field of every subclass a keyword; a base's setting would end with the base."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        return super().__new__(cls, name, bases, namespace, **{"kw_only": True, **options})


class Body(msgspec.Struct, metaclass=_KeywordOnly, forbid_unknown_fields=True):
    """Base of request bodies: a field that is not declared is refused."""


class Query(msgspec.Struct, metaclass=_KeywordOnly, forbid_unknown_fields=True):
    """Base of query strings; values arrive as text and are converted."""


class View(msgspec.Struct, metaclass=_KeywordOnly):
    """Base of answers."""


class TooLarge(DomainError):
    """The request body is too large."""

    code = "body_too_large"
    status = 413


class UnsupportedMediaType(DomainError):
    """The request body must be application/json."""

    code = "unsupported_media_type"
    status = 415


class MalformedJson(Invalid):
    """The request body is not valid JSON."""

    code = "malformed_json"


def read_body(request: HttpRequest, *, limit: int) -> bytes:
    """The raw body, refused before it is read when it is longer than `limit` bytes. Raises TooLarge."""
    cached: bytes | None = getattr(request, "mpac_body", None)
    if cached is not None:
        return cached
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not declared.isdigit() or int(declared) > limit:
        raise TooLarge
    try:
        raw: bytes = request.read(limit + 1)
    except (OSError, RawPostDataException):
        raise Invalid("The request body could not be read.", code="unreadable_body") from None
    if len(raw) > limit:
        raise TooLarge
    request.mpac_body = raw  # type: ignore[attr-defined]
    return raw


def decode_body(raw: bytes, content_type: str, cls: type[S]) -> S:
    """`raw` as a `cls`. Raises UnsupportedMediaType, MalformedJson, or Invalid with the field at fault."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType
    if b"\\u0000" in raw:
        raise Invalid(errors=[FieldError("", "invalid", "The character U+0000 is not allowed in text.")])
    try:
        return msgspec.json.decode(raw or b"{}", type=cls)
    except msgspec.ValidationError as error:
        raise Invalid(errors=[_field_error(str(error))]) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedJson(errors=[FieldError("", "malformed_json", str(error)[:200])]) from None


def decode_query(parameters: Mapping[str, str], cls: type[S]) -> S:
    """A query string as a `cls`. Raises Invalid with the parameter at fault."""
    values = dict(parameters.items())
    if any(NUL in value for value in values.values()):
        raise Invalid(errors=[FieldError("", "invalid", "The character U+0000 is not allowed in text.")])
    try:
        return msgspec.convert(values, cls, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(errors=[_field_error(str(error))]) from None


def encode(view: Any) -> bytes:
    """An answer as JSON. Instants have milliseconds and a `Z`, which no encoder does by itself."""
    plain = msgspec.to_builtins(view, builtin_types=(dt.datetime,))
    return orjson.dumps(plain, default=rfc3339, option=orjson.OPT_PASSTHROUGH_DATETIME)


def canonical(raw: bytes) -> bytes:
    """JSON with sorted keys and no white space, so that equal payloads have equal digests."""
    return orjson.dumps(orjson.loads(raw.strip() or b"{}"), option=orjson.OPT_SORT_KEYS)


def _field_error(text: str) -> FieldError:
    match = PATH.match(text)
    message, path = (match["message"], match["path"] or "") if match else (text, "")
    path = path.removeprefix(".")
    if named := re.search(r"(?:missing required|unknown) field `([^`]*)`", message):
        path = f"{path}.{named[1]}" if path else named[1]
    if "missing required" in message:
        return FieldError(path, "required", "This field is required.")
    if "unknown field" in message:
        return FieldError(path, "unknown_field", "This field is not known.")
    return FieldError(path, "invalid", message + ".")
