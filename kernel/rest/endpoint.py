"""The base of every endpoint: authenticate, limit, decode, run once, answer.

A view declares its operations and is otherwise "parse, call one service, render". The steps around it are the same for
all, here and nowhere else.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.views import APIView

from kernel import clock, idempotency, origin
from kernel.db import ContextDb
from kernel.errors import Forbidden, ScopeMissing, Unauthenticated
from kernel.principal import Principal, Reach
from kernel.ratelimit import Limit
from kernel.rest import body as bodies
from kernel.rest.limits import Limits
from kernel.rest.operation import Operation
from kernel.rest.problems import from_exception, method_not_allowed
from kernel.rest.request import Request
from kernel.tenancy import Scope

METHODS = ("get", "post", "put", "patch", "delete")


class NoQuery(bodies.Query):
    """No parameters."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that needs another status or headers than the operation declares."""

    view: Any
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Steps:
    """A keyed operation with a call outside in the middle; see `kernel.idempotency.run_steps`."""

    begin: Callable[[], str]
    finish: Callable[[str], Any]


class Endpoint(APIView):
    """One URL of the API. `callers` names the kinds of principal that may use it; empty means anyone.

    `partner_scopes` are the scopes that a partner's key needs here, to read and to write. `own_account` says that it is about
    what opens the caller's own account, which nobody touches in another person's name.
    """

    callers: ClassVar[frozenset[str] | set[str]] = frozenset()
    partner_scopes: ClassVar[tuple[str, str] | None] = None
    own_account: ClassVar[bool] = False
    db: ClassVar[ContextDb]

    now: dt.datetime
    operation: Operation
    raw_body: bytes = b""
    limits: Limits
    request: Request
    idempotency_key: str = ""

    # What an address may send here without credentials; the usual limits, unless a method says otherwise.
    limits_of_strangers: Callable[[str], Sequence[Limit]] | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer one request; every fault becomes a problem document."""
        self.now = clock.now()
        self.limits = Limits()
        try:
            answer: HttpResponseBase = self._answer(request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  (the border: from_exception logs what it does not know)
            answer = from_exception(error)
        self.limits.annotate(answer)
        return answer

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        method = "get" if request.method == "HEAD" else (request.method or "").lower()
        function = getattr(self, method, None) if method in METHODS else None
        if function is None:
            self.limits.check(None, request)
            return method_not_allowed([name for name in METHODS if hasattr(self, name)])
        self.operation = function.operation
        self.request = Request(request, authenticators=self.get_authenticators())
        self._admit(request)
        if self.operation.idempotent:
            self.idempotency_key = idempotency.parse_key(request.headers.get("Idempotency-Key"))
        arguments = self._decode(request)
        named = (getattr(argument, "merchant_id", None) for argument in arguments.values())
        merchant_id = next((found for found in named if isinstance(found, int)), None)
        self.limits.check_merchant(self.request.user, merchant_id)
        with origin.acting_for(self.request.user):
            return self._run(function, arguments, *args, **kwargs)

    def _admit(self, request: HttpRequest) -> None:
        """Learn who calls and whether that may be. Whoever is turned away counts, too; bad credentials count against the
        address that sent them.
        """
        principal: Principal | None = None
        try:
            principal = self.request.user
            self._authorize(principal)
        except Unauthenticated:
            self.limits.check_stranger(request)
            raise
        except Forbidden:
            self.limits.check(principal, request)
            raise
        self.limits.check(principal, request, of_strangers=self.limits_of_strangers)

    def _authorize(self, principal: Principal | None) -> None:
        """Raises Unauthenticated for nobody where somebody is asked for, and Forbidden for who may not."""
        operation = self.operation
        callers = self.callers if operation.callers is None else operation.callers
        if principal is None:
            if callers:
                raise Unauthenticated
            return
        reads = self.request.method in {"GET", "HEAD"}
        if principal.actor and (self.own_account or (not reads and operation.permission is None)):
            raise Forbidden
        if not callers:
            return
        if principal.kind not in callers:
            raise Forbidden
        if principal.kind == "partner" and self.partner_scopes is not None:
            _require(principal, self.partner_scopes[0 if reads else 1])
        _require(principal, operation.permission, operation.reach)

    @property
    def scope(self) -> Scope:
        """Whose rows the caller may touch: one tenant's, as narrow as they are, or all for an operator of the platform."""
        return self.request.user.database_scope()

    def _decode(self, request: HttpRequest) -> dict[str, Any]:
        """The declared body and query of the operation; what is not declared is refused."""
        arguments: dict[str, Any] = {}
        operation = self.operation
        takes_body = request.method in bodies.METHODS_WITH_BODY and not operation.streamed
        if takes_body:
            limit = operation.max_body_bytes or settings.MPAC_MAX_BODY_BYTES
            self.raw_body = bodies.read_body(request, limit=limit)
        if operation.raw:
            return arguments
        if takes_body:
            body = bodies.decode_body(self.raw_body, request, operation.body or bodies.Nothing)
            if operation.body is not None:
                arguments["body"] = body
        query = bodies.decode_query(request.GET, operation.query or NoQuery)
        if operation.query is not None:
            arguments["query"] = query
        return arguments

    def _run(
        self, function: Callable[..., Any], arguments: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        def call() -> Any:
            return function(self.request, *args, **arguments, **kwargs)

        if self.operation.idempotent in {False, "own"}:
            result = call()
            return result if isinstance(result, HttpResponseBase) else self._render(result)
        return (
            self.in_steps(call()) if self.operation.idempotent == "steps" else self.in_one_transaction(call)
        )

    def in_one_transaction(self, produce: Callable[[], Any]) -> HttpResponse:
        """Run `produce` once for this request's key."""
        scope = self.request.user.database_scope()
        stored = idempotency.run_once(
            self.db, scope, self.keyed(), lambda: self._store(produce()), now=self.now
        )
        return self.stored_response(stored)

    def in_steps(self, steps: Steps) -> HttpResponse:
        """Begin once for this request's key, and finish outside any transaction."""
        stored = idempotency.run_steps(
            self.db,
            self.request.user.database_scope(),
            self.keyed(),
            begin=steps.begin,
            finish=lambda resource_id: self._store(steps.finish(resource_id)),
            now=self.now,
        )
        return self.stored_response(stored)

    def keyed(self) -> idempotency.Keyed:
        """This request's key, tenant and fingerprint."""
        request: HttpRequest = self.request._request
        return idempotency.Keyed(
            tenant=self.request.user.key_tenant(),
            operation=self._keyed_operation(),
            key=self.idempotency_key,
            fingerprint=idempotency.fingerprint(request.path.encode(), bodies.canonical(self.raw_body)),
        )

    @property
    def scoped_key(self) -> str:
        """The key as the business row keeps it, unique within the row's tenant for ever."""
        tenant = "/".join(str(part) for part in self.request.user.key_tenant())
        return f"{tenant}/{self._keyed_operation()}/{self.idempotency_key}"

    def _keyed_operation(self) -> str:
        """The operation as keys know it: test, live and each customer's page have keys of their own."""
        principal = self.request.user
        space = principal.subject if principal.kind == "intent" else "live" if principal.livemode else "test"
        return f"{space}/{self.operation.name}"

    def present(self, stored_body: bytes) -> bytes:
        """Hook: what a stored answer looks like when it leaves; a gateway answer gets its client secret back here."""
        return stored_body

    def stored_response(self, stored: idempotency.Stored) -> HttpResponse:
        response = HttpResponse(
            self.present(stored.body), status=stored.status, content_type="application/json"
        )
        if stored.replayed:
            response["Idempotent-Replayed"] = "true"
        return response

    def _store(self, result: Any) -> tuple[int, bytes]:
        if isinstance(result, Answer):
            return result.status or self.operation.status, bodies.encode(result.view)
        return self.operation.status, bodies.encode(result)

    def _render(self, result: Any) -> HttpResponse:
        headers = result.headers if isinstance(result, Answer) else None
        status, body = self._store(result)
        return HttpResponse(
            b"" if status == 204 else body,  # noqa: PLR2004
            status=status,
            content_type=self.operation.media_type,
            headers=headers,
        )


def _require(principal: Principal, permission: str | None, reach: Reach | None = None) -> None:
    """Raises ScopeMissing unless the caller's credential carries the permission, and Forbidden for who reaches less far."""
    if permission is not None and not principal.may(permission):
        raise ScopeMissing
    if reach is not None and not principal.reaches(reach):
        raise Forbidden
