"""What Omise checks in a request, and its words for what is wrong."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from simulator.desk import Answer, Declared

VERSION = "2019-05-29"
_FIELDS = frozenset(
    {
        "amount",
        "authorization_type",
        "capture",
        "card",
        "currency",
        "description",
        "expires_at",
        "metadata",
        "return_uri",
        "source",
        "webhook_endpoints",
    }
)
_CURRENCIES = frozenset(
    {"THB", "JPY", "SGD", "MYR", "USD", "EUR", "GBP", "AUD", "CAD", "CHF", "CNY", "DKK", "HKD"}
)


@dataclass(frozen=True, kw_only=True)
class ChargeRequest:
    """A checked request for a charge: of a card's token, or of a PromptPay source."""

    amount: int
    currency: str
    token: str
    holds: bool
    authorization_type: str | None
    return_uri: str
    expires_at: str | None
    description: str | None
    webhook_endpoint: str | None
    metadata: dict[str, str]


def refused(code: str, message: str, *, status: int = HTTPStatus.BAD_REQUEST) -> Declared:
    """An error object, in Omise's words."""
    body = {
        "object": "error",
        "location": f"https://www.omise.co/api-errors#{code.replace('_', '-')}",
        "code": code,
        "message": message,
    }
    return Declared(Answer(body=body, status=status))


def check_key(request: Request) -> str:
    """The merchant's secret key, the name of a basic authorization without a password."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        key, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        key, password = "", ""
    if scheme.lower() != "basic" or not key.startswith("skey_") or password:
        raise refused("authentication_failure", "authentication failed", status=HTTPStatus.UNAUTHORIZED)
    if request.headers.get("omise-version", VERSION) != VERSION:
        raise refused("bad_request", f"this stand-in speaks version {VERSION}")
    return key


def check_charge(fields: dict[str, Any], *, now: datetime) -> ChargeRequest:
    """Raises Declared, naming what is wrong."""
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        raise refused("bad_request", f"unknown parameter {unknown[0]}")
    currency = str(fields.get("currency", "")).upper()
    if currency not in _CURRENCIES:
        raise refused("bad_request", "currency is currently not supported")
    holds = fields.get("capture", "true") == "false"
    token, source = str(fields.get("card", "")), fields.get("source")
    if isinstance(source, dict):
        _check_promptpay(source, currency=currency, holds=holds)
    elif not token.startswith("tokn_"):
        raise refused("not_found", f"token {token} was not found", status=HTTPStatus.NOT_FOUND)
    kind = fields.get("authorization_type")
    if kind not in (None, "final_auth", "pre_auth"):
        raise refused("bad_request", "authorization_type is final_auth or pre_auth")
    endpoints = fields.get("webhook_endpoints") or [None]
    return ChargeRequest(
        amount=check_amount(fields.get("amount")),
        currency=currency,
        token=token,
        holds=holds,
        authorization_type=kind,
        return_uri=str(fields.get("return_uri", "")),
        expires_at=_future(fields.get("expires_at"), now=now),
        description=fields.get("description"),
        webhook_endpoint=endpoints[0],
        metadata=check_metadata(fields),
    )


def check_amount(value: object) -> int:
    """A whole number of the smallest unit. Raises Declared."""
    if not isinstance(value, str) or not value.isdigit() or not 0 < int(value[:20]) < 10**12:
        raise refused("bad_request", "amount must be greater than 0")
    return int(value)


def check_metadata(fields: dict[str, Any]) -> dict[str, str]:
    """Texts. Raises Declared."""
    metadata = fields.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise refused("bad_request", "metadata must be a hash")
    return metadata


def _check_promptpay(source: dict[str, Any], *, currency: str, holds: bool) -> None:
    if source.get("type") != "promptpay":
        raise refused("bad_request", "source type is not supported")
    if currency != "THB":
        raise refused("bad_request", "currency is currently not supported")
    if holds:
        raise refused("bad_request", "capture cannot be false for this source")


def _future(text: object, *, now: datetime) -> str | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        raise refused("bad_request", "expires_at is no time") from None
    if at.tzinfo is None or at <= now:
        raise refused("bad_request", "expires_at must be in the future")
    return str(text)
