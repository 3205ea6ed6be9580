"""Omise's objects as its API shows them, made from the books."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.truth import Charge, Dispute, Refund

_STATUSES = {"authorized": "pending", "paid": "successful", "failed": "failed"}
_FAILURES = {"insufficient_funds": "insufficient_fund", "expired_card": "invalid_card"}
_DISPUTE_STATUSES = {"opened": "open", "under_review": "pending", "won": "won", "lost": "lost"}
_HOLD = timedelta(days=7)


def charge_object(
    charge: Charge, *, refunds: Sequence[Refund] = (), hides_money: bool = False
) -> dict[str, Any]:
    """A charge; with `hides_money` as it was before any money moved."""
    status = "pending" if hides_money and charge.status in ("authorized", "paid") else charge.status
    holds = bool(charge.details.get("holds"))
    if hides_money and charge.status == "paid" and holds:
        status = "authorized"
    paid = status == "paid"
    given = sum(refund.amount for refund in refunds if refund.status in ("pending", "done"))
    return {
        "object": "charge",
        "id": charge.provider_reference,
        "location": f"/charges/{charge.provider_reference}",
        "livemode": False,
        "amount": charge.asked,
        "authorization_type": charge.details.get("authorization_type"),
        "authorize_uri": charge.details.get("authorize_uri"),
        "authorized": status in ("authorized", "paid"),
        "authorized_amount": charge.asked if charge.method == "card" else None,
        "capturable": status == "authorized",
        "capture": not holds,
        "captured_amount": charge.amount if paid else 0,
        "card": _card(charge),
        "created_at": rfc3339(charge.created_at),
        "currency": charge.currency,
        "description": charge.details.get("description"),
        "expired": status == "voided" and not holds,
        "expires_at": charge.details.get("expires_at") or rfc3339(charge.created_at + _HOLD),
        "failure_code": _failure(charge) if status == "failed" else None,
        "failure_message": "payment was rejected" if status == "failed" else None,
        "metadata": charge.details.get("metadata", {}),
        "paid": paid,
        "paid_at": rfc3339(charge.paid_at) if paid and charge.paid_at else None,
        "refunded_amount": given,
        "reversed": status == "voided" and holds,
        "source": _source(charge),
        "status": _STATUSES.get(status) or _ended(status, holds=holds),
    }


def refund_object(refund: Refund, charge: Charge, *, hides_money: bool = False) -> dict[str, Any]:
    """A refund. Once it is closed the money has left; a bank that cannot book it makes it rejected."""
    status = "pending" if hides_money else refund.status
    words = {"pending": "pending", "done": "closed", "failed": "rejected", "reversed": "rejected"}
    return {
        "object": "refund",
        "id": refund.provider_reference,
        "location": f"/charges/{charge.provider_reference}/refunds/{refund.provider_reference}",
        "livemode": False,
        "amount": refund.amount,
        "charge": charge.provider_reference,
        "created_at": rfc3339(refund.created_at),
        "currency": refund.currency,
        "metadata": refund.details.get("metadata", {}),
        "status": words[status],
        "voided": False,
    }


def dispute_object(dispute: Dispute, charge: Charge) -> dict[str, Any]:
    """A dispute. It knows the charge, not its metadata."""
    closed = dispute.status in ("won", "lost")
    return {
        "object": "dispute",
        "id": dispute.provider_reference.replace("dp_", "dspt_test_"),
        "livemode": False,
        "amount": dispute.amount,
        "charge": charge.provider_reference,
        "closed_at": rfc3339(dispute.created_at) if closed else None,
        "created_at": rfc3339(dispute.created_at),
        "currency": dispute.currency,
        "metadata": {},
        "reason_code": dispute.reason,
        "reason_message": dispute.reason,
        "status": _DISPUTE_STATUSES[dispute.status],
    }


def page(kind: str, members: list[dict[str, Any]], *, offset: int, limit: int) -> dict[str, Any]:
    """One page of a list."""
    shown = members[offset : offset + limit]
    return {
        "object": "list",
        "location": kind,
        "total": len(members),
        "offset": offset,
        "limit": limit,
        "data": shown,
    }


def picture_path(reference: str, document: str) -> str:
    """Where a code's picture lies."""
    return f"/charges/{reference}/documents/{document}/downloads/qr.svg"


def rfc3339(at: datetime) -> str:
    """`2026-11-21T05:00:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ended(status: str, *, holds: bool) -> str:
    if status != "voided":
        return "pending"
    return "reversed" if holds else "expired"


def _failure(charge: Charge) -> str:
    return _FAILURES.get(charge.details.get("decline_code", ""), "payment_rejected")


def _card(charge: Charge) -> dict[str, Any] | None:
    if charge.method != "card":
        return None
    return {"object": "card", "brand": "Visa", "last_digits": "4242", "financing": "credit"}


def _source(charge: Charge) -> dict[str, Any] | None:
    if charge.method != "promptpay":
        return None
    image = {"object": "document", "kind": "qr", "filename": "qr.svg", "download_uri": charge.picture}
    return {
        "object": "source",
        "id": charge.details["source"],
        "amount": charge.asked,
        "currency": charge.currency,
        "flow": "offline",
        "type": "promptpay",
        "scannable_code": {"object": "barcode", "type": "qr", "image": image},
    }
