"""Strict decoding of what comes in, JSON bodies and query strings into msgspec structs, faults into named fields; and
the one way in which answers become JSON.
"""

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, TypeVar, dataclass_transform

import msgspec
import orjson
from django.http import HttpRequest, QueryDict
from django.http.request import RawPostDataException

from kernel.clock import rfc3339
from kernel.currencies import CURRENCIES
from kernel.errors import DomainError, FieldError, Invalid

S = TypeVar("S", bound=msgspec.Struct)

# An ISO 4217 code; whether it is one is the domain's to say.
CurrencyCode = Annotated[
    str,
    msgspec.Meta(title="CurrencyCode", pattern="^[A-Z]{3}$", extra_json_schema={"enum": sorted(CURRENCIES)}),
]
# What `kernel.clock.rfc3339` writes, where a view holds the text.
Instant = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]

# What msgspec says of a fault: what is wrong, and where. The name of a member is "`key` in" the object that holds it, and
# the value of a member that no struct declares is `[...]`.
PATH = re.compile(r"^(?P<message>.*?)(?: - at (?P<name>`key` in )?`\$?(?P<path>.*)`)?$", re.DOTALL)
NUL = "\x00"
NUL_IN_JSON = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
CHUNK_BYTES = 256 * 1024
METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
JSON = re.compile(r'application/json( *; *charset="?utf-8"?)?', re.IGNORECASE)


@dataclass_transform(kw_only_default=True, field_specifiers=(msgspec.field,))
class _KeywordOnly(msgspec.StructMeta):
    """Makes every field of every subclass a keyword; a base's setting would end with the base."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        return super().__new__(cls, name, bases, namespace, **{"kw_only": True, **options})


class Body(msgspec.Struct, metaclass=_KeywordOnly, forbid_unknown_fields=True):
    """Base of request bodies: a field that is not declared is refused.

    `schema` tells the document what types can not, such as rules between fields; the body checks them itself.
    """

    schema: ClassVar[dict[str, Any]] = {}


class Query(msgspec.Struct, metaclass=_KeywordOnly, forbid_unknown_fields=True):
    """Base of query strings; values arrive as text and are converted."""


class Nothing(Body):
    """Nothing to say: no body, or an empty object."""


class View(msgspec.Struct, metaclass=_KeywordOnly):
    """Base of answers."""


class TooLarge(DomainError):
    """The request body is too large."""

    code = "body_too_large"
    status = 413


class UnsupportedMediaType(DomainError):
    """The request body must be application/json in UTF-8, without a content encoding."""

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
    # A body in chunks declares no length, and Django would take it for empty.
    source = request.META["wsgi.input"] if "HTTP_TRANSFER_ENCODING" in request.META else request
    try:
        raw: bytes = source.read(limit + 1)
    except (OSError, RawPostDataException):
        raise Invalid("The request body could not be read.", code="unreadable_body") from None
    if len(raw) > limit:
        raise TooLarge
    request.mpac_body = raw  # type: ignore[attr-defined]
    return raw


def stream_body(request: HttpRequest, *, media_type: str, limit: int) -> Iterator[bytes]:
    """The body of a streamed operation, in chunks as it comes. Raises UnsupportedMediaType, TooLarge, and Invalid when it
    does not come to its end.
    """
    encoding = request.headers.get("Content-Encoding", "identity")
    if request.content_type != media_type or encoding != "identity":
        raise UnsupportedMediaType(f"The request body must be {media_type}, without a content encoding.")
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not declared.isdigit() or int(declared) > limit:
        raise TooLarge
    source = request.META["wsgi.input"] if "HTTP_TRANSFER_ENCODING" in request.META else request
    taken = 0
    try:
        while chunk := source.read(CHUNK_BYTES):
            taken += len(chunk)
            if taken > limit:
                raise TooLarge
            yield chunk
    except (OSError, RawPostDataException):
        raise Invalid("The request body could not be read.", code="unreadable_body") from None
    if taken < int(declared):
        raise Invalid("The request body ended before its declared length.", code="unreadable_body")


def decode_body(raw: bytes, request: HttpRequest, cls: type[S]) -> S:
    """`raw` as a `cls`; no body is an empty object. Raises UnsupportedMediaType, MalformedJson, or Invalid with the field
    at fault.
    """
    if not raw:
        return decode_json(b"{}", cls)
    encoding = request.headers.get("Content-Encoding", "identity")
    if not JSON.fullmatch(request.headers.get("Content-Type", "").strip()) or encoding != "identity":
        raise UnsupportedMediaType
    return decode_json(raw, cls)


def decode_json(raw: bytes, cls: type[S]) -> S:
    """JSON as a `cls`. Raises MalformedJson, or Invalid with the field at fault."""
    if NUL_IN_JSON.search(raw):
        raise Invalid(errors=[FieldError("", "invalid", "The character U+0000 is not allowed in text.")])
    try:
        decoded = msgspec.json.decode(raw, type=cls)
        json.loads(raw, object_pairs_hook=_named_once)
    except msgspec.ValidationError as error:
        raise Invalid(errors=[_field_error(str(error))]) from None
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise MalformedJson(errors=[FieldError("", "malformed_json", str(error)[:200])]) from None
    return decoded


def decode_query(parameters: QueryDict, cls: type[S]) -> S:
    """A query string as a `cls`. Raises Invalid with the parameter at fault."""
    for name, values in parameters.lists():
        if len(values) > 1:
            raise Invalid(errors=[FieldError(name, "repeated", "This parameter is given more than once.")])
        if NUL in values[0]:
            raise Invalid(
                errors=[FieldError(name, "invalid", "The character U+0000 is not allowed in text.")]
            )
    try:
        query = msgspec.convert(parameters.dict(), cls, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(errors=[_field_error(str(error))]) from None
    for name in parameters:
        if getattr(query, name) is None:
            raise Invalid(errors=[FieldError(name, "invalid", "A parameter is left out, not null.")])
    return query


def encode(view: Any) -> bytes:
    """An answer as JSON. Instants have milliseconds and a `Z`, which no encoder does by itself."""
    plain = msgspec.to_builtins(view, builtin_types=(dt.datetime,))
    return orjson.dumps(plain, default=rfc3339, option=orjson.OPT_PASSTHROUGH_DATETIME)


def canonical(raw: bytes) -> bytes:
    """JSON with sorted keys and no white space, so that equal payloads have equal digests."""
    return orjson.dumps(orjson.loads(raw or b"{}"), option=orjson.OPT_SORT_KEYS)


def _named_once(pairs: list[tuple[str, Any]]) -> None:
    """Readers differ in which of two equal names counts, so there must be no two. Raises ValueError."""
    if len({name for name, _ in pairs}) < len(pairs):
        msg = "an object names a field twice"
        raise ValueError(msg)


def _field_error(text: str) -> FieldError:
    match = PATH.match(text)
    message, path = (match["message"], match["path"] or "") if match else (text, "")
    path = path.replace("[...]", ".*").removeprefix(".")
    if named := re.search(r"(?:missing required|unknown) field `([^`]*)`", message):
        path = f"{path}.{named[1]}" if path else named[1]
    if "missing required" in message:
        return FieldError(path, "required", "This field is required.")
    if "unknown field" in message:
        return FieldError(path, "unknown_field", "This field is not known.")
    if match and match["name"]:
        return FieldError(path, "invalid", f"A name in it is not allowed: {message[0].lower()}{message[1:]}.")
    return FieldError(path, "invalid", message + ".")
