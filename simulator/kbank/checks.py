"""What KBank checks in a request, and its words for what is wrong. Most errors come with HTTP's success."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from simulator.desk import Answer, Declared
from simulator.emvco import QrMalformed, parse_baht
from simulator.merchants import Merchants

MAX_REFERENCE = 100
_FORMS = {
    "partnerTxnUid": re.compile(r"[A-Za-z0-9]{1,15}"),
    "partnerId": re.compile(r"[A-Za-z0-9]{1,10}"),
    "partnerSecret": re.compile(r"[!-~]{1,32}"),
    "merchantId": re.compile(r"[A-Za-z0-9]{1,14}"),
}
_TERMINAL = re.compile(r"[A-Za-z0-9]{0,8}")
# The error words by what went wrong, with the description that ends in the short code.
_ERRORS = {
    "account_closed": ("account_error", "Account is closed. (EMAC)"),
    "amount": ("invalid_txn_amount", "Invalid Amount. (EMITA)"),
    "cancelled": ("qr_cancelled", "QR is cancelled. (EMQRC)"),
    "currency": ("invalid_currency_code", "Currency code is not allowed. (EMICC)"),
    "duplicate": ("duplicate_request", "This request is duplicated. (EMDR)"),
    "expired": ("qr_expired", "QR already expired. (EMQRAE)"),
    "failed": ("internal_error", "System unavailable. (EMIU)"),
    "general": ("general_error", "The transaction cannot be processed, please try again later. (EMG)"),
    "malformed": ("bad_request", "Invalid JSON. (EMBR)"),
    "not_voidable": ("qr_void", "QR void is not allowed."),
    "paid": ("qr_paid", "QR already paid. (EMQRP)"),
    "partner": ("authentication_error", "Wrong partner key. (EMA)"),
    "qr_type": ("invalid_qr_type", "QR Type is not allowed. (EMIQR)"),
    "reference": ("invalid_reference1", "reference1 must not be empty. (EMIR)"),
    "settled": ("settlement_error", "Transaction is already settled (EMSET)"),
    "settling": ("settlement_error", "Manual settlement is not allow between 22:00 - 02:30 (EMSMSG)"),
    "unknown": ("invalid_origPartnerTxnUid", "origPartnerTxnUid does not exist. (EMITDNE)"),
}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls, and what they call this call."""

    key: str
    partner: str
    merchant: str
    terminal: str

    def answer(self, **fields: Any) -> Answer:
        """The answer to a call that was carried out."""
        return _answer(self.key, self.partner, **fields)

    def failure(self, why: str, *, status: int = HTTPStatus.OK) -> Answer:
        """The answer to a call that was not."""
        code, text = _ERRORS[why]
        said = _answer(self.key, self.partner, statusCode="10", errorCode=code, errorDesc=text)
        return Answer(body=said.body, status=status)

    def refused(self, why: str) -> Declared:
        """The same, said in the middle of the work."""
        return Declared(self.failure(why))


@dataclass(frozen=True, kw_only=True)
class QrRequest:
    """A checked request for a code; amount in satang."""

    amount: int
    reference1: str
    reference2: str


def check_application(request: Request) -> str:
    """The consumer's id, the name of a basic authorization with any secret. Raises Declared."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        consumer, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        consumer, secret = "", ""
    if scheme.lower() != "basic" or not consumer or not secret:
        raise unauthorized("invalid_client")
    return consumer


def unauthorized(error: str) -> Declared:
    """What the bank's gateway says before the bank hears anything."""
    return Declared(Answer(body={"error": error}, status=HTTPStatus.UNAUTHORIZED))


def check_caller(body: Mapping[str, Any], *, merchants: Merchants) -> Caller:
    """Raises Declared unless all that every call says is there and is right."""
    said = {name: _text(body, name) for name in _FORMS}
    terminal = _text(body, "terminalId")
    caller = Caller(
        key=said["partnerTxnUid"][:15],
        partner=said["partnerId"][:10],
        merchant=said["merchantId"],
        terminal=terminal,
    )
    if not all(_FORMS[name].fullmatch(value) for name, value in said.items()):
        raise caller.refused("malformed")
    if not _TERMINAL.fullmatch(terminal) or not _is_instant(_text(body, "requestDt")):
        raise caller.refused("malformed")
    entry = merchants.find(provider="kbank", key=caller.partner)
    if entry and entry.options.get("partner_secret", said["partnerSecret"]) != said["partnerSecret"]:
        raise caller.refused("partner")
    return caller


def check_qr_request(body: Mapping[str, Any], caller: Caller) -> QrRequest:
    """Raises Declared, naming what is wrong."""
    if body.get("qrType") != "3":
        raise caller.refused("qr_type")
    if body.get("txnCurrencyCode") != "THB":
        raise caller.refused("currency")
    references = [_text(body, f"reference{number}") for number in (1, 2, 3, 4)]
    if not references[0] or any(len(each) > MAX_REFERENCE for each in references):
        raise caller.refused("reference")
    try:
        amount = parse_baht(str(body.get("txnAmount")))
    except QrMalformed:
        raise caller.refused("amount") from None
    return QrRequest(amount=amount, reference1=references[0], reference2=references[1])


def _answer(key: str, partner: str, **fields: Any) -> Answer:
    said = {
        "partnerTxnUid": key,
        "partnerId": partner,
        "statusCode": "00",
        "errorCode": None,
        "errorDesc": None,
    }
    return Answer(body=said | fields)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _is_instant(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
