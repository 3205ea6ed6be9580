"""What Stripe checks in a request, and its words for what is wrong."""

import base64
import binascii
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from simulator.desk import Answer, Declared

MAX_AMOUNT = 99_999_999
# Sent with two decimals although they have none, or with three of which the last is zero.
_WHOLE = frozenset({"ISK", "UGX"})
_THREE_DIGITS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
_INTENT_FIELDS = frozenset(
    {
        "amount",
        "capture_method",
        "confirm",
        "currency",
        "description",
        "expand",
        "metadata",
        "payment_method",
        "payment_method_data",
        "payment_method_types",
        "return_url",
    }
)


@dataclass(frozen=True, kw_only=True)
class IntentRequest:
    """A checked request for a payment intent that is confirmed at once."""

    amount: int
    currency: str
    method: str
    token: str
    holds: bool
    return_url: str
    description: str | None
    metadata: dict[str, str]


def refused(
    code: str, message: str, *, status: int = HTTPStatus.BAD_REQUEST, param: str | None = None, **more: Any
) -> Declared:
    """An invalid request, in Stripe's words."""
    error = {"type": "invalid_request_error", "code": code, "message": message, "param": param, **more}
    return Declared(Answer(body={"error": error}, status=status))


def check_key(request: Request) -> str:
    """The merchant's secret key, as a bearer token or as the name of a basic authorization."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(text, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            text = ""
    if not text.startswith(("sk_", "rk_")):
        raise refused("api_key_invalid", "Invalid API Key provided", status=HTTPStatus.UNAUTHORIZED)
    return text


def check_intent(fields: dict[str, Any]) -> IntentRequest:
    """Raises Declared, naming the first field that is wrong."""
    known_only(fields, _INTENT_FIELDS)
    if fields.get("confirm") != "true":
        raise refused("parameter_missing", "This stand-in confirms at once.", param="confirm")
    currency = str(fields.get("currency", "")).upper()
    amount = check_amount(fields.get("amount"), currency=currency)
    method, token = _method(fields)
    holds = fields.get("capture_method", "automatic") == "manual"
    if method == "promptpay":
        _check_promptpay(fields, currency=currency, holds=holds)
    return IntentRequest(
        amount=amount,
        currency=currency,
        method=method,
        token=token,
        holds=holds,
        return_url=str(fields.get("return_url", "")),
        description=fields.get("description"),
        metadata=check_metadata(fields),
    )


def check_amount(value: object, *, currency: str) -> int:
    """An amount in Stripe's smallest unit. Raises Declared."""
    if not isinstance(value, str) or not value.isdigit() or len(value) > len(str(MAX_AMOUNT)):
        raise refused("parameter_invalid_integer", "Invalid integer", param="amount")
    amount = int(value)
    if amount < 1:
        raise refused("amount_too_small", "Amount must be at least 1", param="amount")
    if len(currency) != 3 or not currency.isalpha():  # noqa: PLR2004 - ISO 4217
        raise refused("parameter_invalid", "Invalid currency", param="currency")
    if (currency in _WHOLE and amount % 100) or (currency in _THREE_DIGITS and amount % 10):
        raise refused("amount_invalid", f"Invalid amount for {currency}", param="amount")
    return amount


def check_metadata(fields: dict[str, Any]) -> dict[str, str]:
    """Up to 50 texts. Raises Declared."""
    metadata = fields.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise refused("parameter_invalid", "Invalid hash", param="metadata")
    return metadata


def known_only(fields: dict[str, Any], known: frozenset[str]) -> None:
    """Raises Declared for a field that the call does not have."""
    for name in fields:
        if name not in known:
            raise refused("parameter_unknown", f"Received unknown parameter: {name}", param=name)


def _method(fields: dict[str, Any]) -> tuple[str, str]:
    types = fields.get("payment_method_types", ["card"])
    method = types[0] if isinstance(types, list) and types else "card"
    data = fields.get("payment_method_data")
    if isinstance(data, dict):
        if data.get("type") != method:
            raise refused(
                "parameter_invalid", "The method is not one of the types", param="payment_method_data"
            )
        card = data.get("card")
        return method, str(card.get("token", "")) if isinstance(card, dict) else ""
    token = fields.get("payment_method")
    if not isinstance(token, str) or not token.startswith("pm_"):
        raise refused("resource_missing", "No such PaymentMethod", param="payment_method")
    return method, token


def _check_promptpay(fields: dict[str, Any], *, currency: str, holds: bool) -> None:
    if currency != "THB":
        raise refused("payment_intent_invalid_currency", "promptpay takes thb", param="currency")
    if holds:
        raise refused("payment_intent_invalid_parameter", "promptpay cannot hold", param="capture_method")
    data = fields.get("payment_method_data")
    details = data.get("billing_details") if isinstance(data, dict) else None
    if not isinstance(details, dict) or "@" not in str(details.get("email", "")):
        raise refused(
            "parameter_missing",
            "Missing required param: email",
            param="payment_method_data[billing_details][email]",
        )
