"""What PayPal checks in a request, and its words for what is wrong."""

import base64
import binascii
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from simulator.desk import Answer, Declared
from simulator.paypal.objects import digits_of

CURRENCIES = frozenset(
    (
        *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN"),
        *("MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD"),
    )
)
MAX_ID, MAX_VALUE = 127, 32


@dataclass(frozen=True, kw_only=True)
class OrderRequest:
    """A checked request for an order that is paid from a PayPal account."""

    intent: str
    amount: int
    currency: str
    custom: str
    invoice: str


def refusal(name: str, issue: str, *, status: int, description: str = "") -> Answer:
    """A refusal in PayPal's words."""
    details = [{"issue": issue, "description": description or issue.replace("_", " ").capitalize() + "."}]
    body = {"name": name, "message": "The request was refused.", "debug_id": "f00d", "details": details}
    return Answer(body=body, status=status)


def unprocessable(issue: str) -> Declared:
    """A well-formed call that cannot be carried out."""
    return Declared(refusal("UNPROCESSABLE_ENTITY", issue, status=HTTPStatus.UNPROCESSABLE_ENTITY))


def invalid(issue: str) -> Declared:
    """A call that is not well-formed."""
    return Declared(refusal("INVALID_REQUEST", issue, status=HTTPStatus.BAD_REQUEST))


def not_found() -> Declared:
    """Nobody knows such a thing."""
    return Declared(refusal("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", status=HTTPStatus.NOT_FOUND))


def unauthenticated() -> Declared:
    """No token, or one that is not in force."""
    body = {"error": "invalid_token", "error_description": "Token signature verification failed"}
    return Declared(Answer(body=body, status=HTTPStatus.UNAUTHORIZED))


def check_application(request: Request) -> tuple[str, str]:
    """The id and the secret of a basic authorization. Raises Declared."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        name, colon, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name, colon, secret = "", "", ""
    if scheme.lower() != "basic" or not (name and colon and secret):
        body = {"error": "invalid_client", "error_description": "Client Authentication failed"}
        raise Declared(Answer(body=body, status=HTTPStatus.UNAUTHORIZED))
    return name, secret


def check_order(body: dict[str, Any]) -> OrderRequest:
    """Raises Declared."""
    units = body.get("purchase_units")
    if body.get("intent") not in ("CAPTURE", "AUTHORIZE"):
        raise invalid("INVALID_PARAMETER_VALUE")
    if not isinstance(units, list) or len(units) != 1 or not isinstance(units[0], dict):
        raise invalid("INVALID_ARRAY_MAX_ITEMS")
    if "paypal" not in (body.get("payment_source") or {}):
        raise invalid("MISSING_REQUIRED_PARAMETER")
    amount, currency = check_amount(units[0].get("amount"))
    return OrderRequest(
        intent=body["intent"],
        amount=amount,
        currency=currency,
        custom=check_text(units[0].get("custom_id")),
        invoice=check_text(units[0].get("invoice_id")),
    )


def check_amount(said: object) -> tuple[int, str]:
    """An amount in the smallest unit that PayPal writes, and its currency. Raises Declared."""
    if not isinstance(said, dict):
        raise invalid("MISSING_REQUIRED_PARAMETER")
    currency, value = said.get("currency_code"), said.get("value")
    if currency not in CURRENCIES:
        raise unprocessable("CURRENCY_NOT_SUPPORTED")
    if not isinstance(value, str) or len(value) > MAX_VALUE:
        raise invalid("INVALID_PARAMETER_SYNTAX")
    whole, point, part = value.partition(".")
    if not whole.isdigit() or (point and not part.isdigit()):
        raise invalid("INVALID_PARAMETER_SYNTAX")
    count = digits_of(currency)
    if len(part) > count:
        raise unprocessable("DECIMALS_NOT_SUPPORTED" if not count else "DECIMAL_PRECISION")
    amount = int(whole + part.ljust(count, "0"))
    if amount < 1:
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE")
    return amount, currency


def check_text(said: object) -> str:
    """A reference of the merchant's, or none. Raises Declared."""
    if said is None:
        return ""
    if not isinstance(said, str) or not 0 < len(said) <= MAX_ID:
        raise invalid("INVALID_STRING_LENGTH")
    return said
