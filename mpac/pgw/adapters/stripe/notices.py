"""Stripe's events: checked on their raw bytes, then read for what they prove.

The key is the whole `whsec_...` text. Only the scheme `v1` counts, and a time in the future is as wrong as one in the past.
"""

import datetime as dt
import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from kernel.money import Money
from mpac.pgw.adapters.http import Garbled
from mpac.pgw.adapters.port import DisputeNews, ProviderAccount, RefundNews, WebhookHint
from mpac.pgw.adapters.signatures import check_any, check_freshness, find_header, webhook_secrets
from mpac.pgw.adapters.stripe.protocol import (
    money_of,
    payment_of,
    read_intent,
    read_refund,
    refund_outcome,
)
from mpac.pgw.errors import WebhookMalformed, WebhookRefused

SIGNATURE = "Stripe-Signature"
ANSWER = {"received": True}
MAX_ID = 255
_DISPUTES = {
    "needs_response": "opened",
    "warning_needs_response": "opened",
    "under_review": "under_review",
    "warning_under_review": "under_review",
    "won": "won",
    "warning_closed": "won",
    "prevented": "won",
    "lost": "lost",
}


class _Data(msgspec.Struct):
    object: dict[str, Any]


class _Event(msgspec.Struct):
    id: str
    type: str
    data: _Data


class _Evidence(msgspec.Struct):
    due_by: int | None = None


class _Movement(msgspec.Struct):
    """What a dispute did to the balance, its fee included."""

    net: int
    currency: str


class _Dispute(msgspec.Struct):
    id: str
    status: str
    amount: int
    currency: str
    reason: str = ""
    payment_intent: str | None = None
    evidence_details: _Evidence | None = None
    balance_transactions: list[_Movement] = []


def read_event(
    *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
) -> WebhookHint:
    """What an event proves. Raises WebhookRefused and WebhookMalformed."""
    _check(find_header(headers, SIGNATURE), body=body, account=account, now=now)
    try:
        event = msgspec.json.decode(body, type=_Event)
        if b"\\u0000" in body or not 0 < len(event.id) <= MAX_ID:
            raise WebhookMalformed
        return _hint(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Garbled):
        raise WebhookMalformed from None


def _check(header: str, *, body: bytes, account: ProviderAccount | None, now: dt.datetime) -> None:
    parts = [part.partition("=") for part in header.split(",")]
    times = [value.strip() for name, _, value in parts if name.strip() == "t"]
    given = [value.strip() for name, _, value in parts if name.strip() == "v1"]
    if len(times) != 1:
        raise WebhookRefused
    check_freshness(times[0], now=now)
    message = times[0].encode() + b"." + body
    expected = [hmac.new(secret.encode(), message, sha256).hexdigest() for secret in webhook_secrets(account)]
    check_any(expected, given=given)


def _hint(event: _Event) -> WebhookHint:
    about = event.data.object
    match about.get("object"):
        case "payment_intent":
            return _about_intent(event.id, about)
        case "refund":
            return _about_refund(event.id, about)
        case "dispute":
            return _about_dispute(event.id, about)
    reference = about.get("id")
    return WebhookHint(
        dedupe_key=event.id,
        provider_key="",
        provider_reference=reference if isinstance(reference, str) else "",
        answer=ANSWER,
    )


def _about_intent(event_id: str, about: dict[str, Any]) -> WebhookHint:
    intent = read_intent(about)
    payments = (payment_of(intent),) if intent.status == "succeeded" else ()
    return WebhookHint(
        dedupe_key=event_id,
        provider_key=intent.metadata.get("reference", ""),
        provider_reference=intent.id,
        answer=ANSWER,
        payments=payments,
    )


def _about_refund(event_id: str, about: dict[str, Any]) -> WebhookHint:
    """News of a refund that we asked for; one that was made in the dashboard makes us ask about its charge."""
    refund = read_refund(about)
    key = refund.metadata.get("reference", "")
    return WebhookHint(
        dedupe_key=event_id,
        provider_key=refund.metadata.get("charge_reference", ""),
        provider_reference=refund.payment_intent or refund.id,
        answer=ANSWER,
        refund=RefundNews(operation_key=key, outcome=refund_outcome(refund)) if key else None,
    )


def _about_dispute(event_id: str, about: dict[str, Any]) -> WebhookHint:
    """News of a dispute, which knows the payment's reference but not our key."""
    dispute = msgspec.convert(about, _Dispute)
    moved = dispute.balance_transactions
    due = dispute.evidence_details.due_by if dispute.evidence_details else None
    news = DisputeNews(
        reference=dispute.id,
        status=_DISPUTES.get(dispute.status, "under_review"),
        amount=money_of(dispute.amount, dispute.currency),
        reason=dispute.reason,
        evidence_due_at=dt.datetime.fromtimestamp(due, dt.UTC) if due else None,
        withdrawn=_funds(moved, sign=-1),
        reinstated=_funds(moved, sign=1),
    )
    return WebhookHint(
        dedupe_key=event_id,
        provider_key="",
        provider_reference=dispute.payment_intent or dispute.id,
        answer=ANSWER,
        dispute=news,
    )


def _funds(moved: list[_Movement], *, sign: int) -> Money | None:
    """All that went in one direction; None where nothing did. The balance of a dispute has one currency."""
    found = [each for each in moved if each.net * sign > 0]
    if not found:
        return None
    return money_of(sum(abs(each.net) for each in found), found[0].currency)
