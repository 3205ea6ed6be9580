"""PayPal's objects as its API shows them, made from the books."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from secrets import choice
from string import ascii_uppercase, digits
from typing import Any

from simulator.truth import Charge, Dispute, Refund

_REFUND_STATUSES = {"pending": "PENDING", "done": "COMPLETED", "failed": "FAILED", "reversed": "FAILED"}
_HOLD_LIFE = timedelta(days=29)
_WHOLE = frozenset({"HUF", "JPY", "TWD"})
_DISPUTES = {
    "opened": ("CUSTOMER.DISPUTE.CREATED", "WAITING_FOR_SELLER_RESPONSE", None),
    "under_review": ("CUSTOMER.DISPUTE.UPDATED", "UNDER_REVIEW", None),
    "won": ("CUSTOMER.DISPUTE.RESOLVED", "RESOLVED", "RESOLVED_SELLER_FAVOUR"),
    "lost": ("CUSTOMER.DISPUTE.RESOLVED", "RESOLVED", "RESOLVED_BUYER_FAVOUR"),
}


def new_id() -> str:
    """An id as PayPal makes them: seventeen letters and digits."""
    return "".join(choice(ascii_uppercase + digits) for _ in range(17))


def digits_of(currency: str) -> int:
    """How many digits PayPal writes after the point."""
    return 0 if currency in _WHOLE else 2


def order_object(
    charge: Charge, refunds: Sequence[Refund] = (), *, hides_money: bool = False
) -> dict[str, Any]:
    """An order; with `hides_money` as it was before its last step."""
    status = charge.status
    if hides_money and status in ("agreed", "authorized", "paid"):
        status = "authorized" if status == "paid" and charge.details["intent"] == "AUTHORIZE" else "pending"
    shown = {"pending": "PAYER_ACTION_REQUIRED", "agreed": "APPROVED", "failed": "APPROVED"}.get(
        status, "COMPLETED"
    )
    payments: dict[str, Any] = {}
    if charge.details.get("authorization") and status != "pending":
        payments["authorizations"] = [authorization_object(charge, status=status)]
    if status == "paid":
        payments["captures"] = [capture_object(charge, each["id"], refunds) for each in captures_of(charge)]
        payments["refunds"] = [refund_object(each, charge) for each in refunds]
    unit = {
        "reference_id": "default",
        "amount": _money(charge.asked, charge.currency),
        "custom_id": charge.reference,
        "invoice_id": charge.details["invoice"],
        **({"payments": payments} if payments else {}),
    }
    return {
        "id": charge.details["order"],
        "intent": charge.details["intent"],
        "status": shown,
        "create_time": _time(charge.created_at),
        "purchase_units": [unit],
        "links": _order_links(charge),
    }


def authorization_object(charge: Charge, *, status: str = "") -> dict[str, Any]:
    """The hold of an order."""
    taken = sum(each["amount"] for each in captures_of(charge))
    states = {"authorized": "CREATED", "voided": "VOIDED"}
    is_open = charge.details.get("rest") == "open"
    state = states.get(status or charge.status) or ("PARTIALLY_CAPTURED" if is_open and taken else "CAPTURED")
    held_at = datetime.fromisoformat(charge.details["held_at"])
    return {
        "id": charge.details["authorization"],
        "status": state,
        "amount": _money(charge.asked, charge.currency),
        "custom_id": charge.reference,
        "invoice_id": charge.details["invoice"],
        "create_time": _time(held_at),
        "expiration_time": _time(held_at + _HOLD_LIFE),
        "supplementary_data": _related(charge),
        "links": [_link(charge, "self", f"/v2/payments/authorizations/{charge.details['authorization']}")],
    }


def capture_object(charge: Charge, capture_id: str, refunds: Sequence[Refund] = ()) -> dict[str, Any]:
    """One capture of an order."""
    capture = next(each for each in captures_of(charge) if each["id"] == capture_id)
    given = sum(
        each.amount for each in refunds if each.status == "done" and each.details["capture"] == capture_id
    )
    whole = given == capture["amount"]
    path = f"/v2/payments/captures/{capture_id}"
    return {
        "id": capture_id,
        "status": "REFUNDED" if whole else "PARTIALLY_REFUNDED" if given else "COMPLETED",
        "amount": _money(capture["amount"], charge.currency),
        "custom_id": charge.reference,
        "invoice_id": capture["invoice"],
        "final_capture": capture["final"],
        "create_time": capture["at"],
        "supplementary_data": _related(charge),
        "links": [_link(charge, "self", path), _link(charge, "refund", f"{path}/refund")],
    }


def refund_object(refund: Refund, charge: Charge, *, hides_money: bool = False) -> dict[str, Any]:
    """A refund; with `hides_money` as it was before the money moved."""
    status = "pending" if hides_money else refund.status
    return {
        "id": refund.provider_reference,
        "status": _REFUND_STATUSES[status],
        "amount": _money(refund.amount, refund.currency),
        "custom_id": refund.details["custom"],
        "invoice_id": refund.reference,
        "create_time": _time(refund.created_at),
        "links": [
            _link(charge, "self", f"/v2/payments/refunds/{refund.provider_reference}"),
            _link(charge, "up", f"/v2/payments/captures/{refund.details['capture']}"),
        ],
    }


def dispute_object(dispute: Dispute, charge: Charge) -> tuple[str, dict[str, Any]]:
    """The name of the event and the dispute; it knows the payment, not our references."""
    kind, status, outcome = _DISPUTES[dispute.status]
    shown: dict[str, Any] = {
        "dispute_id": dispute.provider_reference,
        "create_time": _time(dispute.created_at),
        "disputed_transactions": [{"seller_transaction_id": charge.provider_reference}],
        "reason": dispute.reason,
        "status": status,
        "dispute_amount": _money(dispute.amount, dispute.currency),
        "dispute_life_cycle_stage": "CHARGEBACK",
        "seller_response_due_date": _time(dispute.created_at + timedelta(days=10)),
    }
    return kind, shown | ({"dispute_outcome": {"outcome_code": outcome}} if outcome else {})


def captures_of(charge: Charge) -> list[dict[str, Any]]:
    """What was taken, in the order of time."""
    captures: list[dict[str, Any]] = charge.details.get("captures", [])
    return captures


def _order_links(charge: Charge) -> list[dict[str, str]]:
    path = f"/v2/checkout/orders/{charge.details['order']}"
    links = [_link(charge, "self", path)]
    if charge.status == "pending":
        links.append({"href": charge.qr_payload, "rel": "payer-action", "method": "GET"})
    return links


def _link(charge: Charge, rel: str, path: str) -> dict[str, str]:
    return {"href": f"{charge.details['base']}{path}", "rel": rel, "method": "GET"}


def _related(charge: Charge) -> dict[str, Any]:
    return {"related_ids": {"order_id": charge.details["order"]}}


def _money(amount: int, currency: str) -> dict[str, str]:
    count = digits_of(currency)
    whole, part = divmod(amount, 10**count)
    return {"currency_code": currency, "value": f"{whole}.{part:0{count}d}" if count else str(whole)}


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
