"""What PayPay checks in a request, and its result codes for what is wrong."""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5, sha256
from typing import Any

from starlette.requests import Request

from simulator.desk import Answer, Declared
from simulator.merchants import Merchant, Merchants

MAX_SKEW_S = 120
MAX_ID = 64
MAX_AMOUNT = 10**11 - 1
_EMPTY = "empty"
# The result codes by what went wrong: HTTP status, number, name and message.
_RESULTS = {
    "already_captured": (400, "00200039", "ALREADY_CAPTURED", "Cannot capture already captured order"),
    "already_paid": (400, "01652074", "DYNAMIC_QR_ALREADY_PAID", "Dynamic QR already paid"),
    "code_unknown": (404, "01652072", "DYNAMIC_QR_NOT_FOUND", "Dynamic qr code not found"),
    "duplicate": (400, "01652073", "DUPLICATE_DYNAMIC_QR_REQUEST", "Duplicate Dynamic QR request error"),
    "failed": (500, "08101000", "INTERNAL_SERVER_ERROR", "Something went wrong on PayPay service side"),
    "invalid": (400, "08100006", "INVALID_REQUEST_PARAMS", "Invalid request params"),
    "limit": (400, "00400035", "UNACCEPTABLE_OP", "Total transaction limit exceeds merchant limit"),
    "merchant_unknown": (404, "08100007", "OPA_CLIENT_NOT_FOUND", "OPA Client not found"),
    "missing": (400, "08100024", "MISSING_REQUEST_PARAMS", "Missing request params"),
    "not_cancelable": (400, "00200042", "ORDER_NOT_CANCELABLE", "Order is not cancelable"),
    "not_capturable": (400, "00200035", "ORDER_NOT_CAPTURABLE", "Order is not capturable"),
    "not_refundable": (400, "00200013", "UNACCEPTABLE_OP", "Order cannot be refunded"),
    "not_reversible": (400, "00200044", "ORDER_NOT_REVERSIBLE", "Order cannot be reversed"),
    "one_refund_only": (400, "00200014", "UNACCEPTABLE_OP", "Multiple refund not allowed"),
    "order_unknown": (404, "00200001", "RESOURCE_NOT_FOUND", "Order not found"),
    "payment_unknown": (400, "01652075", "DYNAMIC_QR_PAYMENT_NOT_FOUND", "Dynamic QR payment not found"),
    "refund_amount": (400, "00200015", "INVALID_PARAMS", "Invalid refund amount"),
    "refund_unknown": (404, "00200018", "NO_SUCH_REFUND_ORDER", "Refund not found"),
    "too_many": (429, "08100998", "RATE_LIMIT", "Too many requests"),
    "too_much": (
        400,
        "00400062",
        "HIGHER_CAPTURE_NOT_PERMITTED",
        "Capture of a higher amount is not allowed",
    ),
    "unauthorized": (401, "08100016", "UNAUTHORIZED", "Unauthorized request"),
}


@dataclass(frozen=True, kw_only=True)
class Order:
    """A checked request for a code."""

    reference: str
    amount: int
    holds: bool
    description: str | None


def refused(why: str, detail: str = "") -> Declared:
    """The provider's refusal."""
    status, code_id, code, message = _RESULTS[why]
    info = {"code": code, "message": f"{message}: {detail}" if detail else message, "codeId": code_id}
    return Declared(Answer(body={"resultInfo": info, "data": None}, status=status))


def check_caller(request: Request, *, body: bytes, merchants: Merchants, now: datetime) -> Merchant:
    """Whose request this is, by its signature. Raises Declared."""
    merchant = merchants.find(provider="paypay", key=request.headers.get("x-assume-merchant", ""))
    if merchant is None:
        raise refused("merchant_unknown")
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    parts = text.split(":")
    if scheme != "hmac" or len(parts) != 6 or parts[0] != "OPA-Auth":  # noqa: PLR2004 - the header's six parts
        raise refused("unauthorized")
    _, key, signature, nonce, epoch, digest = parts
    kind = request.headers.get("content-type", "") if body else _EMPTY
    expected_digest = _digest(kind, body) if body else _EMPTY
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    message = "\n".join([path, request.method, nonce, epoch, kind, expected_digest])
    secret = merchant.options.get("api_secret", "")
    expected = base64.b64encode(hmac.new(secret.encode(), message.encode(), sha256).digest()).decode()
    is_fresh = epoch.isdigit() and abs(int(epoch) - now.timestamp()) < MAX_SKEW_S
    is_right = hmac.compare_digest(signature, expected) and digest == expected_digest
    if not (secret and nonce and is_fresh and is_right and key == merchant.options.get("api_key")):
        raise refused("unauthorized")
    return merchant


def check_order(body: dict[str, Any]) -> Order:
    """Raises Declared, naming what is wrong."""
    if body.get("codeType") != "ORDER_QR":
        raise refused("invalid", "codeType")
    holds = body.get("isAuthorization", False)
    if not isinstance(holds, bool):
        raise refused("invalid", "isAuthorization")
    description = body.get("orderDescription")
    return Order(
        reference=check_id(body, "merchantPaymentId"),
        amount=check_amount(body),
        holds=holds,
        description=description if isinstance(description, str) else None,
    )


def check_id(body: dict[str, Any], name: str) -> str:
    """An identifier of at most 64 characters. Raises Declared."""
    value = body.get(name)
    if value is None:
        raise refused("missing", name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise refused("invalid", name)
    return value


def check_amount(body: dict[str, Any]) -> int:
    """Whole yen. Raises Declared."""
    money = body.get("amount")
    if not isinstance(money, dict):
        raise refused("missing", "amount")
    amount = money.get("amount")
    if money.get("currency") != "JPY" or type(amount) is not int or not 0 < amount <= MAX_AMOUNT:
        raise refused("invalid", "amount")
    return amount


def _digest(kind: str, body: bytes) -> str:
    return base64.b64encode(md5(kind.encode() + body, usedforsecurity=False).digest()).decode()
