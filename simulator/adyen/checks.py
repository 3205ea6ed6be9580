"""What Adyen checks in a request, and its words for what is wrong."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from simulator.desk import Answer, Declared

MAX_REFERENCE = 80
_PAYMENT_FIELDS = frozenset(
    {
        "additionalData",
        "amount",
        "authenticationData",
        "captureDelayHours",
        "merchantAccount",
        "paymentMethod",
        "recurringProcessingModel",
        "reference",
        "returnUrl",
        "shopperInteraction",
        "shopperReference",
    }
)
# Sent with two decimals although they have none.
_WHOLE = frozenset({"CLP", "ISK"})


@dataclass(frozen=True, kw_only=True)
class PaymentRequest:
    """A checked request for a charge of a card."""

    amount: int
    currency: str
    token: str
    holds: bool
    merchant_account: str
    reference: str


def refused(code: str, message: str, *, status: int = HTTPStatus.UNPROCESSABLE_ENTITY) -> Declared:
    """An error, in Adyen's words."""
    kind = "security" if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) else "validation"
    body = {"status": int(status), "errorCode": code, "message": message, "errorType": kind}
    return Declared(Answer(body=body, status=status))


def check_key(request: Request) -> str:
    """The merchant's API key."""
    key = request.headers.get("x-api-key", "")
    if not key:
        raise refused("000", "HTTP Status Response - Unauthorized", status=HTTPStatus.UNAUTHORIZED)
    return key


def check_payment(fields: dict[str, Any]) -> PaymentRequest:
    """Raises Declared, naming what is wrong."""
    unknown = sorted(set(fields) - _PAYMENT_FIELDS)
    if unknown:
        raise refused("702", f"Structure of PaymentRequest contains the following unknown fields: {unknown}")
    if not fields.get("returnUrl"):
        raise refused("158", "Required field 'returnUrl' is not provided.")
    amount, currency = check_amount(fields)
    additional = fields.get("additionalData") or {}
    return PaymentRequest(
        amount=amount,
        currency=currency,
        token=_token(fields),
        holds=additional.get("manualCapture") == "true",
        merchant_account=check_account(fields),
        reference=check_reference(fields),
    )


def check_amount(fields: dict[str, Any]) -> tuple[int, str]:
    """A whole number of Adyen's units, and its currency. Raises Declared."""
    amount = fields.get("amount")
    value, currency = (
        (amount.get("value"), amount.get("currency")) if isinstance(amount, dict) else (None, None)
    )
    if type(value) is not int or value <= 0 or not isinstance(currency, str) or len(currency) != 3:  # noqa: PLR2004
        raise refused("137", "Invalid amount specified")
    if currency in _WHOLE and value % 100:
        raise refused("137", "Invalid amount specified")
    return value, currency


def check_account(fields: dict[str, Any]) -> str:
    """Raises Declared."""
    account = fields.get("merchantAccount")
    if not isinstance(account, str) or not account:
        raise refused("901", "Invalid Merchant Account", status=HTTPStatus.FORBIDDEN)
    return account


def check_reference(fields: dict[str, Any]) -> str:
    """Raises Declared."""
    reference = fields.get("reference")
    if not isinstance(reference, str) or not 0 < len(reference) <= MAX_REFERENCE:
        raise refused("130", "Reference Missing")
    return reference


def check_payment_reference(fields: dict[str, Any]) -> str:
    """The merchant's own reference of a payment. Raises Declared."""
    reference = fields.get("paymentReference")
    if not isinstance(reference, str) or not 0 < len(reference) <= MAX_REFERENCE:
        raise refused("702", "Required field 'paymentReference' is not provided.")
    return reference


def _token(fields: dict[str, Any]) -> str:
    """What stands for the card."""
    method = fields.get("paymentMethod")
    if not isinstance(method, dict) or method.get("type") != "scheme":
        raise refused("14_004", "Missing payment method details")
    saved, encrypted = method.get("storedPaymentMethodId"), method.get("encryptedCardNumber")
    if isinstance(saved, str) and saved:
        if not fields.get("shopperReference"):
            raise refused("113", "Required field 'shopperReference' is not provided.")
        return saved
    if isinstance(encrypted, str) and encrypted:
        return encrypted
    raise refused("101", "Invalid card number")
