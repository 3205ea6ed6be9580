"""The parts of the OpenAPI document that every operation shares: problem documents, headers, callers."""

from collections.abc import Sequence
from typing import Any

from kernel.rest.problems import MEDIA_TYPE, TITLES

TEMPLATE = "#/components/schemas/{name}"
HEADER = "#/components/headers/{name}"
RESPONSE = "#/components/responses/{name}"

PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "allowed": {"type": "array", "items": {"type": "string"}},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
    },
}

NO_NUL = "^[^\\u0000]*$"
ANY_VALUE: dict[str, Any] = {
    "description": "Any JSON value, without the character U+0000 in its texts.",
    "anyOf": [
        {"type": ["null", "boolean", "number"]},
        {"type": "string", "pattern": NO_NUL},
        {"type": "array", "items": {"$ref": TEMPLATE.format(name="AnyValue")}},
        {
            "type": "object",
            "propertyNames": {"pattern": NO_NUL},
            "additionalProperties": {"$ref": TEMPLATE.format(name="AnyValue")},
        },
    ],
}

# Who calls; an operation names those that may. A service sends both of its headers.
SECURITY: dict[str, dict[str, list[str]]] = {
    "device": {"device": []},
    "partner": {"partner": []},
    "person": {"person": []},
    "intent": {"intent": []},
    "service": {"service": [], "service_nonce": []},
}
SECURITY_SCHEMES: dict[str, Any] = {
    "device": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A terminal's access token from `POST /v1/auth/token`.",
    },
    "partner": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "sk_test_… or sk_live_…",
        "description": "The API key of a payment service provider's server.",
    },
    "person": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A person's access token.",
    },
    "intent": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "pi_…_secret_…",
        "description": "The `client_secret` of the one payment intent that it opens.",
    },
    "service": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`HMAC-SHA256 <key id>:<unix seconds>:<hex signature>` over method, path, raw query, seconds, nonce "
        "and the SHA-256 of the body, each on a line.",
    },
    "service_nonce": {
        "type": "apiKey",
        "in": "header",
        "name": "X-MPAC-Nonce",
        "description": "16 to 64 hexadecimal digits that no other call of this key bears.",
    },
}

KEY_HEADER: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$",
    },
    "description": "1 to 255 printable ASCII characters, bare or quoted; the same key and payload get the first answer again.",
}
IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": '^(W/)?("[0-9]{1,9}"|[0-9]{1,9})$'},
    "description": "The version of the object that the change is meant for, as in its ETag.",
}
IF_NONE_MATCH: dict[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag of the answer that the caller has; while it is still true, 304 says so.",
}

RANGES: list[dict[str, Any]] = [
    {
        "name": "Range",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "`bytes=first-last`, `bytes=first-` or `bytes=-how many`. Anything else gets the whole.",
    },
    {
        "name": "If-Range",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "The ETag of what the caller has a part of; if it is another one now, the whole comes.",
    },
]

# By the name under which an answer refers to them.
HEADERS: dict[str, Any] = {
    "X-Request-Id": {
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
        "description": "The caller's own, or one made for this request; it is in our logs.",
    },
    "RateLimit-Policy": {
        "required": True,
        "schema": {"type": "string", "pattern": '^"[a-z_]+";q=[0-9]+;w=[0-9]+$'},
        "description": "The limit closest to its end: its name, quota and window in seconds.",
    },
    "RateLimit": {
        "required": True,
        "schema": {"type": "string", "pattern": '^"[a-z_]+";r=[0-9]+;t=[0-9]+$'},
        "description": "What remains of it, and the seconds until it is whole again.",
    },
    "Retry-After": {
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "description": "Seconds to wait before the next try.",
    },
    "WWW-Authenticate": {
        "required": True,
        "schema": {"type": "string"},
        "description": "How to authenticate.",
    },
    "Idempotent-Replayed": {
        "schema": {"type": "string", "const": "true"},
        "description": "On a replayed answer.",
    },
    "ETag": {
        "required": True,
        "schema": {"type": "string", "pattern": '^"[0-9a-f]+"$'},
        "description": "The object's version for If-Match, or what tells two answers apart for If-None-Match.",
    },
    "Cache-Control": {
        "required": True,
        "schema": {"type": "string"},
        "description": "How long this may be kept.",
    },
    "Content-Disposition": {
        "required": True,
        "schema": {"type": "string", "pattern": '^attachment; filename="[^"]+"$'},
        "description": "Under which name this is kept as a file.",
    },
    "Accept-Ranges": {
        "required": True,
        "schema": {"type": "string", "const": "bytes"},
        "description": "Range may ask for a part.",
    },
    "Content-Range": {
        "required": True,
        "schema": {"type": "string", "pattern": "^bytes ([0-9]+-[0-9]+|[*])/[0-9]+$"},
        "description": "Which bytes these are, or `*` where there are none, and how many there are in all.",
    },
}
ON_EVERY_ANSWER = ("X-Request-Id", "RateLimit-Policy", "RateLimit")
ON_REFUSALS: dict[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def header_references(names: Sequence[str]) -> dict[str, Any]:
    """These headers, as an answer refers to them. Raises KeyError for one that nobody has described."""
    if unknown := set(names) - set(HEADERS):
        raise KeyError(*unknown)
    return {name: {"$ref": HEADER.format(name=name)} for name in names}


def refusal(status: int, others: dict[str, Any] | None = None) -> dict[str, Any]:
    """The answer with this status: a problem document, or one of `others`, by media type."""
    problem = {"schema": {"$ref": TEMPLATE.format(name="Problem")}}
    headers = header_references([*ON_EVERY_ANSWER, *ON_REFUSALS.get(status, ())])
    if status == 409:  # noqa: PLR2004
        headers["Retry-After"] = HEADERS["Retry-After"] | {
            "required": False,
            "description": "Seconds until the first call with this Idempotency-Key should be through.",
        }
    return {
        "description": TITLES[status],
        "headers": headers,
        "content": {MEDIA_TYPE: problem} | (others or {}),
    }


def refusal_name(status: int) -> str:
    """`NotFound` for 404."""
    return TITLES[status].title().replace(" ", "")


REFUSALS = {refusal_name(status): refusal(status) for status in TITLES if status not in {405, 500}}
