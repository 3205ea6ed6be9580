"""Errors as problem documents (RFC 9457). One form for all of them; nothing internal is ever shown."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import orjson
import psycopg
import psycopg_pool
import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError, OperationalError
from django.http import HttpRequest, HttpResponse
from rest_framework import exceptions

from kernel.errors import DomainError, FieldError, RateLimited
from kernel.logs import get_logger
from kernel.rest.limits import Limits

logger = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
STATUS = {
    "not_found": 404,
    "forbidden": 403,
    "conflict": 409,
    "invalid": 400,
    "unavailable": 503,
    "unauthenticated": 401,
    "rate_limited": 429,
}
TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Content too large",
    415: "Unsupported media type",
    416: "Range not satisfiable",
    422: "Unprocessable content",
    429: "Too many requests",
    500: "Internal error",
    503: "Service unavailable",
}
NOT_FOUND = "No such object."
FOREIGN: dict[type[Exception], tuple[int, str, str]] = {
    DataError: (400, "invalid", "A value is out of range."),
    RequestDataTooBig: (413, "body_too_large", "The request body is too large."),
    SuspiciousOperation: (400, "invalid", "The request is not valid."),
    exceptions.ParseError: (400, "invalid", "The request is not valid."),
}
TRANSIENT = (OperationalError, psycopg.OperationalError, psycopg_pool.PoolTimeout)


def problem(
    status: int,
    *,
    code: str,
    detail: str,
    errors: tuple[FieldError, ...] = (),
    headers: dict[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """A problem document as an HTTP answer; `extra` members never hide the standard ones."""
    document: dict[str, Any] = {
        **(extra or {}),
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
    }
    if errors:
        document["errors"] = [{"field": e.field, "code": e.code, "message": e.message} for e in errors]
    return HttpResponse(orjson.dumps(document), status=status, content_type=MEDIA_TYPE, headers=headers)


def not_found() -> HttpResponse:
    """The one answer for everything that is missing or somebody else's."""
    return problem(404, code="not_found", detail=NOT_FOUND)


def method_not_allowed(methods: Sequence[str]) -> HttpResponse:
    """The answer to a method that an address does not have; whoever can be read can be asked for its head."""
    names = [method.upper() for method in methods]
    allow = ", ".join([*names, "HEAD"] if "GET" in names else names)
    return problem(
        405, code="method_not_allowed", detail="This method is not allowed.", headers={"Allow": allow}
    )


def read_only(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A page that answers GET and HEAD, and anything else with 405."""

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        return view(request) if request.method in {"GET", "HEAD"} else method_not_allowed(["get"])

    return answer


def from_exception(error: Exception) -> HttpResponse:
    """The answer to an exception; what is not foreseen is logged and shown as a bare 500."""
    if isinstance(error, DomainError):
        return _from_domain(error)
    if isinstance(error, TRANSIENT):
        logger.warning("database is not available", error=str(error))
        return problem(503, code="unavailable", detail="Please try again.", headers={"Retry-After": "1"})
    for kind, (status, code, detail) in FOREIGN.items():
        if isinstance(error, kind):
            return problem(status, code=code, detail=detail)
    logger.error("unforeseen error", exc_info=error)
    return problem(500, code="internal_error", detail="Something went wrong on our side.")


def _from_domain(error: DomainError) -> HttpResponse:
    status = getattr(error, "status", None) or STATUS.get(error.kind, 400)
    headers: dict[str, str] = {}
    extra = dict(error.extra)
    retry_after = extra.pop("retry_after_s", None) or getattr(error, "retry_after_s", None)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if status == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = 'Bearer realm="mpac"'
    allowed = getattr(error, "allowed", None)
    if allowed is not None:
        extra["allowed"] = allowed
    if status == 404:  # noqa: PLR2004
        return not_found()
    return problem(
        status,
        code=error.code,
        detail=error.message,
        errors=getattr(error, "errors", ()),
        headers=headers,
        extra=extra,
    )


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Django's handler404. Looking for addresses counts against the limits like any other call."""
    limits = Limits()
    try:
        limits.check(None, request)
        answer = not_found()
    except RateLimited as refused:
        answer = from_exception(refused)
    limits.annotate(answer)
    return answer


def forbidden(_request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Django's handler403."""
    return problem(403, code="forbidden", detail="This is not allowed.")


def bad_request(_request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Django's handler400."""
    return problem(400, code="invalid", detail="The request is not valid.")


def server_error(_request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    return problem(500, code="internal_error", detail="Something went wrong on our side.")
