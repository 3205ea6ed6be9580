"""The middlewares: one for every request (identity, logging context, metrics), one that keeps the console's layers away
from the API, and one inside those layers that says who acts.
"""

import re
import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from kernel import clock, ids, origin
from kernel.admin.entrance import SESSION, entrance
from kernel.logs import get_logger
from kernel.metrics import observe_request

logger = get_logger("http")

ACCEPTED_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
Handler = Callable[[HttpRequest], HttpResponse]


class RequestMiddleware:
    """Gives each request an id (the caller's `X-Request-Id` when it is well-formed), binds it to the log, measures."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if ACCEPTED_ID.fullmatch(given) else ids.encode("req", ids.uuid7())
        started = time.perf_counter()
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            origin.from_origin(origin.of_request(request)),
        ):
            response = self.get_response(request)
            duration = time.perf_counter() - started
            route = getattr(request.resolver_match, "route", None) or ""
            observe_request(
                method=request.method or "", route=route, status=response.status_code, seconds=duration
            )
            logger.info(
                "request",
                method=request.method,
                route=route,
                status=response.status_code,
                duration_ms=round(duration * 1000, 1),
            )
        response["X-Request-Id"] = request_id
        response["X-Content-Type-Options"] = "nosniff"
        return response


class ConsoleOnly:
    """Runs sessions, messages, static files and their kin for the console's paths alone."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.prefixes = tuple(settings.MPAC_CONSOLE_PREFIXES)
        handler = get_response
        for path in reversed(settings.MPAC_CONSOLE_MIDDLEWARE):
            handler = import_string(path)(handler)
        self.console = handler

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(self.prefixes):
            return self.console(request)
        return self.get_response(request)


class ConsoleActor:
    """Names the person behind a console's page in the records of what it changes; whose session was ended is nobody."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        key = str(request.session.get(SESSION, ""))
        if not entrance().is_inside(key, user_id=request.user.pk, now=clock.now()):
            logout(request)
            return self.get_response(request)
        with origin.acting("person", f"user:{request.user.pk}"):
            return self.get_response(request)
