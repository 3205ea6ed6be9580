"""PayPay's objects as its API shows them, made from the books. Times are seconds since 1970."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from simulator.truth import Charge, Refund

_STATUSES = {"pending": "CREATED", "authorized": "AUTHORIZED", "paid": "COMPLETED", "failed": "FAILED"}
_REFUND_STATUSES = {"pending": "CREATED", "done": "REFUNDED", "failed": "REFUND_FAILED"}


def envelope(data: dict[str, Any] | None, *, accepted: bool = False) -> dict[str, Any]:
    """The frame around every answer to a call that was carried out, or at least taken up."""
    code, message = ("REQUEST_ACCEPTED", "Request accepted") if accepted else ("SUCCESS", "Success")
    return {"resultInfo": {"code": code, "message": message, "codeId": "08100001"}, "data": data}


def code_object(charge: Charge) -> dict[str, Any]:
    """A code to show to the customer."""
    return {
        "codeId": charge.details["code_id"],
        "url": charge.qr_payload,
        "deeplink": f"paypay://payment?link_key={charge.qr_payload}",
        "expiryDate": _epoch(datetime.fromisoformat(charge.details["lapses_at"])),
        "merchantPaymentId": charge.reference,
        "amount": _money(charge.asked),
        "orderDescription": charge.details.get("description"),
        "codeType": "ORDER_QR",
        "requestedAt": _epoch(charge.created_at),
        "isAuthorization": bool(charge.details.get("holds")),
    }


def payment_status(charge: Charge, *, refunds: Sequence[Refund] = (), hides_money: bool = False) -> str:
    """The state's name; with `hides_money` as it was before any money moved."""
    if hides_money and charge.status in ("authorized", "paid"):
        was_held = charge.status == "paid" and charge.details.get("holds")
        return "AUTHORIZED" if was_held else "CREATED"
    if charge.status == "voided":
        return "EXPIRED" if charge.details.get("lapsed") else "CANCELED"
    if charge.details.get("cancelled"):
        return "CANCELED"
    given = sum(refund.amount for refund in refunds if refund.status == "done")
    return "REFUNDED" if charge.status == "paid" and given == charge.amount else _STATUSES[charge.status]


def payment_object(
    charge: Charge, *, refunds: Sequence[Refund] = (), hides_money: bool = False
) -> dict[str, Any]:
    """A payment. Before the customer acts it has neither an id nor a time."""
    status = payment_status(charge, refunds=refunds, hides_money=hides_money)
    shown: dict[str, Any] = {
        "status": status,
        "merchantPaymentId": charge.reference,
        "amount": _money(charge.asked),
        "requestedAt": _epoch(charge.created_at),
        "codeType": "ORDER_QR",
    }
    if status != "CREATED":
        shown["paymentId"] = charge.provider_reference
        shown["acceptedAt"] = _epoch(charge.paid_at or charge.created_at)
    if charge.status == "paid" and charge.details.get("capture_id") and not hides_money:
        shown["captures"] = {"data": [_capture(charge)]}
    if refunds:
        shown["refunds"] = {"data": [refund_object(refund, charge) for refund in refunds]}
    return shown


def refund_object(refund: Refund, charge: Charge, *, hides_money: bool = False) -> dict[str, Any]:
    """A refund. It has no id but the merchant's own."""
    return {
        "status": "CREATED" if hides_money else _REFUND_STATUSES[refund.status],
        "acceptedAt": _epoch(refund.created_at),
        "merchantRefundId": refund.reference,
        "paymentId": charge.provider_reference,
        "amount": _money(refund.amount),
        "requestedAt": _epoch(refund.created_at),
        "reason": refund.details.get("reason"),
    }


def _capture(charge: Charge) -> dict[str, Any]:
    return {
        "acceptedAt": _epoch(charge.paid_at or charge.created_at),
        "merchantCaptureId": charge.details["capture_id"],
        "amount": _money(charge.amount),
        "status": "COMPLETED",
    }


def _money(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "JPY"}


def _epoch(at: datetime) -> int:
    return int(at.timestamp())
