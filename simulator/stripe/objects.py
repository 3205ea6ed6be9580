"""Stripe's objects as its API shows them, made from the books."""

from hashlib import sha256
from typing import Any

from simulator.truth import Charge, Dispute, Refund

_STATUSES = {
    "authorized": "requires_capture",
    "paid": "succeeded",
    "failed": "requires_payment_method",
    "voided": "canceled",
}
_REFUND_STATUSES = {"pending": "pending", "done": "succeeded", "failed": "failed", "reversed": "failed"}
_DISPUTE_STATUSES = {
    "opened": "needs_response",
    "under_review": "under_review",
    "won": "won",
    "lost": "lost",
}
_EVIDENCE_S = 7 * 24 * 3600
_HOLD_S = 7 * 24 * 3600


def intent_object(charge: Charge, *, expand: bool = False, hides_money: bool = False) -> dict[str, Any]:
    """A payment intent; with `hides_money` as it was before any money moved."""
    status = "pending" if hides_money and charge.status in ("authorized", "paid") else charge.status
    if hides_money and charge.status == "paid" and charge.details.get("holds"):
        status = "authorized"
    moved = status == "paid"
    return {
        "id": charge.provider_reference,
        "object": "payment_intent",
        "amount": charge.asked,
        "amount_capturable": charge.asked if status == "authorized" else 0,
        "amount_received": charge.amount if moved else 0,
        "capture_method": "manual" if charge.details.get("holds") else "automatic",
        "client_secret": f"{charge.provider_reference}_secret_{_digest(charge, 'secret')}",
        "created": int(charge.created_at.timestamp()),
        "currency": charge.currency.lower(),
        "description": charge.details.get("description"),
        "last_payment_error": _error(charge) if status == "failed" else None,
        "latest_charge": _latest_charge(charge, status, expand=expand),
        "livemode": False,
        "metadata": charge.details.get("metadata", {}),
        "next_action": charge.details.get("next_action") if _waits(charge, status) else None,
        "payment_method": charge.details.get("payment_method"),
        "payment_method_types": [charge.method],
        "status": _STATUSES.get(status) or ("requires_action" if _waits(charge, status) else "processing"),
    }


def refund_object(refund: Refund, charge: Charge, *, hides_money: bool = False) -> dict[str, Any]:
    """A refund; with `hides_money` as it was before the money moved."""
    status = "pending" if hides_money else refund.status
    failed = status in ("failed", "reversed")
    shown: dict[str, Any] = {
        "id": refund.provider_reference,
        "object": "refund",
        "amount": refund.amount,
        "charge": _charge_id(charge),
        "created": int(refund.created_at.timestamp()),
        "currency": refund.currency.lower(),
        "metadata": refund.details.get("metadata", {}),
        "payment_intent": charge.provider_reference,
        "reason": refund.details.get("reason"),
        "status": _REFUND_STATUSES[status],
    }
    if failed:
        shown["failure_reason"] = "expired_or_canceled_card"
    if status == "reversed":
        shown["failure_balance_transaction"] = f"txn_{refund.number:024d}"
    return shown


def dispute_object(dispute: Dispute, charge: Charge) -> dict[str, Any]:
    """A dispute. It knows the charge and the payment intent, not their metadata."""
    opened = int(dispute.created_at.timestamp())
    return {
        "id": dispute.provider_reference,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": _dispute_movements(dispute),
        "charge": _charge_id(charge),
        "created": opened,
        "currency": dispute.currency.lower(),
        "evidence_details": {"due_by": opened + _EVIDENCE_S, "has_evidence": False, "past_due": False},
        "metadata": {},
        "payment_intent": charge.provider_reference,
        "reason": dispute.reason,
        "status": _DISPUTE_STATUSES[dispute.status],
    }


def _dispute_movements(dispute: Dispute) -> list[dict[str, Any]]:
    """The money goes with the dispute, and with a fee, and comes back when it is won."""
    currency = dispute.currency.lower()
    fee = dispute.amount // 10
    taken = {"amount": -dispute.amount, "fee": fee, "net": -dispute.amount - fee, "currency": currency}
    back = {"amount": dispute.amount, "fee": 0, "net": dispute.amount, "currency": currency}
    return [taken, back] if dispute.status == "won" else [taken]


def card_error(charge: Charge) -> dict[str, Any]:
    """The error that a declined card is answered with; the payment intent comes with it."""
    return {"error": {**_error(charge), "payment_intent": intent_object(charge)}}


def _waits(charge: Charge, status: str) -> bool:
    return status == "pending" and charge.details.get("next_action") is not None


def _error(charge: Charge) -> dict[str, Any]:
    code = charge.details.get("decline_code", "generic_decline")
    return {
        "type": "card_error",
        "code": "expired_card" if code == "expired_card" else "card_declined",
        "decline_code": code,
        "message": "Your card was declined.",
    }


def _latest_charge(charge: Charge, status: str, *, expand: bool) -> Any:
    if status == "pending":
        return None
    if not expand:
        return _charge_id(charge)
    happened = int((charge.paid_at or charge.created_at).timestamp())
    card = {"brand": "visa", "last4": "4242", "capture_before": happened + _HOLD_S}
    return {
        "id": _charge_id(charge),
        "object": "charge",
        "created": happened,
        "payment_method_details": {
            "type": charge.method,
            charge.method: card if charge.method == "card" else {},
        },
    }


def _charge_id(charge: Charge) -> str:
    return f"ch_{_digest(charge, 'charge')}"


def _digest(charge: Charge, what: str) -> str:
    return sha256(f"{what}:{charge.provider_reference}".encode()).hexdigest()[:24]
