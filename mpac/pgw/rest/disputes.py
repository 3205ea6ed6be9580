"""Disputes over HTTP. They are read here; evidence goes to the provider."""

import datetime as dt
from typing import Annotated

import msgspec

from kernel.ids import decode, encode
from kernel.rest import Endpoint, Page, PageQuery, Request, View, operation, paginate
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.disputes import DisputeStatus
from mpac.pgw.models import Dispute
from mpac.pgw.rest.bodies import Id
from mpac.pgw.rest.intents import CALLERS
from mpac.pgw.selectors.disputes import get_dispute, list_disputes


class DisputeView(View, kw_only=True):
    """A card payment that its payer's bank takes back, wholly or in part."""

    id: str
    object: str = "dispute"
    created_at: dt.datetime
    payment_intent_id: str
    status: str
    amount: int
    currency: str
    reason: str
    withdrawn: int
    reinstated: int
    funds_currency: str | None
    evidence_due_at: dt.datetime | None
    closed_at: dt.datetime | None
    provider: str
    provider_reference: str
    merchant_id: int
    store_id: int
    livemode: bool


class ListDisputes(PageQuery, kw_only=True):
    """How the list may be narrowed."""

    status: DisputeStatus | None = None
    merchant_id: Id | None = None
    payment_intent_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class DisputesEndpoint(Endpoint):
    """Disputes."""

    callers = CALLERS
    partner_scopes = ("payments:read", "payments:write")
    db = db

    @operation(
        "disputes.list",
        summary="List disputes, newest first",
        query=ListDisputes,
        response=Page[DisputeView],
        errors=(404,),
    )
    def get(self, request: Request, query: ListDisputes) -> Page[DisputeView]:
        intent_id = query.payment_intent_id
        with atomic(request.user.scope()):
            found = list_disputes(
                status=query.status,
                merchant_id=query.merchant_id,
                intent_id=decode("pi", intent_id) if intent_id else None,
            )
            return paginate(found, query, dispute_view)


class OneDisputeEndpoint(Endpoint):
    """One dispute."""

    callers = CALLERS
    partner_scopes = ("payments:read", "payments:write")
    db = db

    @operation("disputes.get", summary="Read a dispute", response=DisputeView)
    def get(self, request: Request, dispute_id: str) -> DisputeView:
        with atomic(request.user.scope()):
            dispute = get_dispute(decode("dis", dispute_id))
        self.limits.check_merchant(request.user, dispute.merchant_id)
        return dispute_view(dispute)


def dispute_view(dispute: Dispute) -> DisputeView:
    """A dispute as the API shows it."""
    return DisputeView(
        id=encode("dis", dispute.pk),
        created_at=dispute.created_at,
        payment_intent_id=encode("pi", dispute.intent_id),
        status=str(dispute.status),
        amount=dispute.amount_minor,
        currency=dispute.currency,
        reason=dispute.reason,
        withdrawn=dispute.withdrawn_minor,
        reinstated=dispute.reinstated_minor,
        funds_currency=dispute.funds_currency,
        evidence_due_at=dispute.evidence_due_at,
        closed_at=dispute.closed_at,
        provider=dispute.provider,
        provider_reference=dispute.provider_reference,
        merchant_id=dispute.merchant_id,
        store_id=dispute.store_id,
        livemode=dispute.livemode,
    )
