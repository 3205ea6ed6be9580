"""Conditional requests (RFC 9110): which version a change is meant for, and what a reader has already."""

import hashlib

import orjson

from kernel.errors import FieldError, Invalid
from kernel.rest.request import Request

LONGEST_VERSION = 9  # digits; versions are int4


def expected_version(request: Request) -> int:
    """Return the version in the If-Match header, bare or as an entity tag. Raises Invalid."""
    text = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > LONGEST_VERSION:
        fault = FieldError("If-Match", "required", "Say which version you have seen.")
        raise Invalid(code="if_match_required", errors=[fault])
    return int(text)


def entity_tag(*parts: object) -> str:
    """An entity tag that differs when the parts do; they are plain values."""
    digest = hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).digest()
    return f'"{int.from_bytes(digest[:8])}"'


def is_known(request: Request, tag: str) -> bool:
    """Whether the reader's If-None-Match names this entity tag."""
    known = request.headers.get("If-None-Match", "")
    return known.strip() == "*" or tag in {each.strip().removeprefix("W/") for each in known.split(",")}
