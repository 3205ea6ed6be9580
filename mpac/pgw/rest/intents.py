"""Payment intents over HTTP."""

import uuid

import msgspec
from django.http import HttpResponse

from kernel.errors import NotFound
from kernel.ids import decode, encode
from kernel.principal import Principal
from kernel.rest import Endpoint, Page, PageQuery, Request, Steps, operation, paginate
from mpac.pgw.db import atomic, db
from mpac.pgw.errors import PaymentTokenUnused
from mpac.pgw.models import PaymentIntent
from mpac.pgw.rest.authentication import client_secret
from mpac.pgw.rest.bodies import CaptureIntent, ConfirmIntent, CreateIntent, ListIntents
from mpac.pgw.rest.views import (
    AttemptView,
    CaptureView,
    IntentEventView,
    IntentView,
    attempt_view,
    capture_view,
    intent_event_view,
    intent_view,
    secret_intent_view,
)
from mpac.pgw.selectors import intents as select
from mpac.pgw.selectors.captures import list_captures
from mpac.pgw.services import cancellation, captures, confirmation, creation, hot

CALLERS = frozenset({"partner", "device"})
WITH_SECRET = CALLERS | {"intent"}


class IntentEndpoint(Endpoint):
    """What endpoints of intents share: the caller's own intents only, and the client secret put back on the way out."""

    callers = CALLERS
    partner_scopes = ("payments:read", "payments:write")
    db = db

    def present(self, stored_body: bytes) -> bytes:
        """A stored answer never holds the client secret; it is derived again from the intent's id."""
        answer = msgspec.json.decode(stored_body)
        answer["client_secret"] = client_secret(decode("pi", answer["id"]))
        return msgspec.json.encode(answer)

    def own_intent(self, intent_id: str) -> PaymentIntent:
        """The intent, if it is in the caller's scope and the one that its client secret is bound to.

        Raises NotFound, in the same words whatever the reason, and RateLimited for its merchant.
        """
        key, principal = decode("pi", intent_id), self.request.user
        if principal.intent_id not in (None, key):
            raise NotFound
        intent = select.get_intent(key)
        self.limits.check_merchant(principal, intent.merchant_id)
        return intent


class IntentsEndpoint(IntentEndpoint):
    """All payment intents in the caller's reach."""

    @operation(
        "payment_intents.create",
        summary="Create a payment intent",
        body=CreateIntent,
        response=IntentView,
        status=201,
        idempotent="own",
    )
    def post(self, request: Request, body: CreateIntent) -> HttpResponse:
        principal: Principal = request.user
        wanted = body.wanted(
            idempotency_key=self.scoped_key, device_id=principal.device_id, livemode=principal.livemode
        )
        if body.confirm:
            return self.in_steps(self._create_and_confirm(principal, wanted, body.payment_token))
        if body.payment_token is not None:
            raise PaymentTokenUnused
        stored = hot.create_intent_once(
            scope=principal.scope(),
            keyed=self.keyed(),
            wanted=wanted,
            render=lambda intent: self._store(intent_view(intent)),
            now=self.now,
        )
        return self.stored_response(stored)

    @operation(
        "payment_intents.list",
        summary="List payment intents, newest first",
        query=ListIntents,
        response=Page[IntentView],
    )
    def get(self, request: Request, query: ListIntents) -> Page[IntentView]:
        with atomic(request.user.scope()):
            found = select.list_intents(query.filters())
            return paginate(found, query, secret_intent_view)

    def _create_and_confirm(
        self, principal: Principal, wanted: creation.NewIntent, payment_token: str | None
    ) -> Steps:
        opened: list[uuid.UUID] = []

        def begin() -> str:
            intent = creation.create_intent(scope=principal.scope(), wanted=wanted, now=self.now)
            if intent.status in confirmation.CONFIRMABLE:
                opened.append(
                    confirmation.begin_confirmation(
                        intent_id=intent.pk,
                        method=None,
                        provider=None,
                        payment_token=payment_token,
                        now=self.now,
                    )
                )
            return encode("pi", intent.pk)

        return Steps(begin=begin, finish=lambda intent_id: _finish(self, principal, intent_id, opened))


class OneIntentEndpoint(IntentEndpoint):
    """One payment intent."""

    callers = WITH_SECRET

    @operation("payment_intents.get", summary="Read a payment intent", response=IntentView)
    def get(self, request: Request, intent_id: str) -> IntentView:
        with atomic(request.user.scope()):
            return secret_intent_view(self.own_intent(intent_id))


class ConfirmIntentEndpoint(IntentEndpoint):
    """Going ahead with an intent."""

    callers = WITH_SECRET

    @operation(
        "payment_intents.confirm",
        summary="Confirm a payment intent: try to take the money",
        body=ConfirmIntent,
        response=IntentView,
        idempotent="steps",
    )
    def post(self, request: Request, intent_id: str, body: ConfirmIntent) -> Steps:
        principal: Principal = request.user
        opened: list[uuid.UUID] = []

        def begin() -> str:
            intent = self.own_intent(intent_id)
            opened.append(
                confirmation.begin_confirmation(
                    intent_id=intent.pk,
                    method=body.method,
                    provider=body.provider,
                    payment_token=body.payment_token,
                    return_url=body.return_url,
                    by_payer=principal.kind == "intent",
                    now=self.now,
                )
            )
            return intent_id

        return Steps(begin=begin, finish=lambda resource_id: _finish(self, principal, resource_id, opened))


class CancelIntentEndpoint(IntentEndpoint):
    """Calling an intent off."""

    @operation(
        "payment_intents.cancel",
        summary="Cancel a payment intent",
        response=IntentView,
        idempotent="steps",
    )
    def post(self, request: Request, intent_id: str) -> Steps:
        principal: Principal = request.user

        def begin() -> str:
            intent = self.own_intent(intent_id)
            cancellation.begin_cancellation(intent_id=intent.pk, now=self.now)
            return intent_id

        def finish(resource_id: str) -> IntentView:
            intent = cancellation.finish_cancellation(
                scope=principal.scope(), intent_id=decode("pi", resource_id), now=self.now
            )
            return intent_view(intent)

        return Steps(begin=begin, finish=finish)


class CaptureIntentEndpoint(IntentEndpoint):
    """Taking held money."""

    @operation(
        "payment_intents.capture",
        summary="Capture money that is held for a payment intent",
        body=CaptureIntent,
        response=IntentView,
        idempotent="steps",
    )
    def post(self, request: Request, intent_id: str, body: CaptureIntent) -> Steps:
        principal: Principal = request.user
        opened: list[uuid.UUID] = []

        def begin() -> str:
            wanted = body.wanted(
                intent_id=self.own_intent(intent_id).pk,
                idempotency_key=self.scoped_key,
                requested_by=f"{principal.kind}:{principal.subject}",
            )
            capture, is_ours = captures.begin_capture(wanted=wanted, now=self.now)
            if is_ours:
                opened.append(capture.pk)
            return intent_id

        def finish(resource_id: str) -> IntentView:
            scope = principal.scope()
            if opened:
                call = captures.dispatch_capture
                return intent_view(call(scope=scope, capture_id=opened[0], now=self.now))
            return intent_view(confirmation.current_intent(scope=scope, intent_id=decode("pi", resource_id)))

        return Steps(begin=begin, finish=finish)


class IntentCapturesEndpoint(IntentEndpoint):
    """The captures of one intent."""

    @operation(
        "captures.list",
        summary="List the captures of a payment intent, newest first",
        query=PageQuery,
        response=Page[CaptureView],
    )
    def get(self, request: Request, intent_id: str, query: PageQuery) -> Page[CaptureView]:
        with atomic(request.user.scope()):
            return paginate(list_captures(self.own_intent(intent_id)), query, capture_view)


class IntentAttemptsEndpoint(IntentEndpoint):
    """The attempts of one intent."""

    @operation(
        "payment_intents.attempts",
        summary="List the attempts of a payment intent, newest first",
        query=PageQuery,
        response=Page[AttemptView],
    )
    def get(self, request: Request, intent_id: str, query: PageQuery) -> Page[AttemptView]:
        with atomic(request.user.scope()):
            return paginate(select.list_attempts(self.own_intent(intent_id)), query, attempt_view)


class IntentEventsEndpoint(IntentEndpoint):
    """The history of one intent."""

    @operation(
        "payment_intents.events",
        summary="List the steps of a payment intent and of its attempts, newest first",
        query=PageQuery,
        response=Page[IntentEventView],
    )
    def get(self, request: Request, intent_id: str, query: PageQuery) -> Page[IntentEventView]:
        with atomic(request.user.scope()):
            found = select.list_intent_events(self.own_intent(intent_id))
            return paginate(found, query, intent_event_view)


def _finish(endpoint: Endpoint, principal: Principal, intent_id: str, opened: list[uuid.UUID]) -> IntentView:
    """Call the provider if this very request opened the attempt; otherwise show how far it has come.

    A retry after a crash finds an attempt that was sent once already: the resolver asks about it, nobody sends it blindly.
    """
    scope = principal.scope()
    if opened:
        return intent_view(confirmation.dispatch_attempt(scope=scope, attempt_id=opened[0], now=endpoint.now))
    return intent_view(confirmation.current_intent(scope=scope, intent_id=decode("pi", intent_id)))
