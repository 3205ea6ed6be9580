"""Refunds over HTTP."""

import uuid

from kernel.ids import decode, encode
from kernel.principal import Principal
from kernel.rest import Endpoint, Page, PageQuery, Request, Steps, operation, paginate
from mpac.pgw.db import atomic, db
from mpac.pgw.rest.bodies import CreateRefund
from mpac.pgw.rest.intents import CALLERS, IntentEndpoint
from mpac.pgw.rest.views import RefundView, refund_view
from mpac.pgw.selectors.refunds import get_refund, list_refunds
from mpac.pgw.services import refunds


class IntentRefundsEndpoint(IntentEndpoint):
    """The refunds of one intent."""

    @operation(
        "refunds.create",
        summary="Give money of a payment intent back",
        body=CreateRefund,
        response=RefundView,
        status=201,
        idempotent="steps",
    )
    def post(self, request: Request, intent_id: str, body: CreateRefund) -> Steps:
        principal: Principal = request.user
        opened: list[uuid.UUID] = []

        def begin() -> str:
            wanted = body.wanted(
                intent_id=self.own_intent(intent_id).pk,
                idempotency_key=self.scoped_key,
                requested_by=f"{principal.kind}:{principal.subject}",
            )
            refund, is_ours = refunds.begin_refund(wanted=wanted, now=self.now)
            if is_ours:
                opened.append(refund.pk)
            return encode("re", refund.pk)

        def finish(resource_id: str) -> RefundView:
            """Call the provider if this very request opened the refund; otherwise show how far it has come."""
            key, scope = decode("re", resource_id), principal.scope()
            if opened:
                return refund_view(refunds.dispatch_refund(scope=scope, refund_id=key, now=self.now))
            return refund_view(refunds.current_refund(scope=scope, refund_id=key))

        return Steps(begin=begin, finish=finish)

    @operation(
        "refunds.list",
        summary="List the refunds of a payment intent, newest first",
        query=PageQuery,
        response=Page[RefundView],
    )
    def get(self, request: Request, intent_id: str, query: PageQuery) -> Page[RefundView]:
        with atomic(request.user.scope()):
            return paginate(list_refunds(self.own_intent(intent_id)), query, refund_view)

    def present(self, stored_body: bytes) -> bytes:
        """A refund has no secret."""
        return stored_body


class OneRefundEndpoint(Endpoint):
    """One refund."""

    callers = CALLERS
    partner_scopes = ("payments:read", "payments:write")
    db = db

    @operation("refunds.get", summary="Read a refund", response=RefundView)
    def get(self, request: Request, refund_id: str) -> RefundView:
        with atomic(request.user.scope()):
            refund = get_refund(decode("re", refund_id))
        self.limits.check_merchant(request.user, refund.merchant_id)
        return refund_view(refund)
