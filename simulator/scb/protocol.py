"""What SCB checks in a request and how it words its answers.

The status codes in the body are the bank's own; the HTTP status follows from them.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from secrets import choice
from string import ascii_letters, digits
from typing import Any

from starlette.datastructures import Headers, QueryParams

from simulator.emvco import QrMalformed, format_baht, parse_baht
from simulator.truth import Charge

BANGKOK = timezone(timedelta(hours=7))
BILL_PAYMENT_EVENT = "00300100"
_REFERENCE = re.compile(r"[A-Z0-9]{1,20}")
_BILLER = re.compile(r"[0-9]{15}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DESCRIPTIONS = {
    1000: (200, "Success"),
    1101: (400, "Missing required parameters"),
    1102: (400, "Invalid parameters entered"),
    1103: (400, "Empty string input not supported"),
    1104: (404, "Requested entity record does not exist"),
    1111: (400, "Duplicate transaction"),
    8102: (400, "Payment cannot be processed"),
    9100: (401, "Missing required authorization credentials"),
    9300: (401, "Invalid or expired access token"),
    9500: (401, "Invalid authorization credentials"),
    9503: (403, "Access denied"),
    9700: (500, "Generic Business Error"),
}


class Refusal(Exception):
    """The bank answers with one of its error codes."""

    def __init__(self, code: int, detail: str = "") -> None:
        self.http_status, description = _DESCRIPTIONS[code]
        super().__init__(f"{description}: {detail}" if detail else description)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class QrRequest:
    """A checked request for a bill payment QR code; amount in satang."""

    biller_id: str
    reference1: str
    reference2: str
    reference3: str
    amount: int


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """A checked question for the payments of one day (Bangkok time)."""

    on: date
    biller_id: str
    reference1: str
    reference2: str | None
    amount: int | None


def envelope(data: object, *, code: int = 1000, description: str = "Success") -> dict[str, Any]:
    """The frame around every answer."""
    return {"status": {"code": code, "description": description}, "data": data}


def check_headers(headers: Headers) -> str:
    """The caller's API key. Raises Refusal 9100 when one of the headers every call carries is missing."""
    for name in ("resourceOwnerId", "requestUId", "accept-language"):
        if not headers.get(name):
            raise Refusal(9100, name)
    if headers["accept-language"].upper() not in ("EN", "TH"):
        raise Refusal(1102, "accept-language")
    return headers["resourceOwnerId"]


def check_qr_request(body: dict[str, Any], *, ref3_prefix: str) -> QrRequest:
    """Raises Refusal 1101, 1102 or 1103, naming the first field that is wrong."""
    if _text(body, "qrType") != "PP":
        raise Refusal(1102, "qrType")
    if _text(body, "ppType") != "BILLERID":
        raise Refusal(1102, "ppType")
    references = [_text(body, "ref1"), _text(body, "ref2", required=False), _text(body, "ref3")]
    for name, value in zip(("ref1", "ref2", "ref3"), references, strict=True):
        if value and not _REFERENCE.fullmatch(value):
            raise Refusal(1102, name)
    if not references[2].startswith(ref3_prefix):
        raise Refusal(1102, "ref3")
    return QrRequest(
        biller_id=_matching(_BILLER, _text(body, "ppId"), "ppId"),
        reference1=references[0],
        reference2=references[1],
        reference3=references[2],
        amount=_amount(_text(body, "amount")),
    )


def check_inquiry(query: QueryParams) -> Inquiry:
    """Raises Refusal 1101, 1102 or 1103, naming the first parameter that is wrong."""
    given = dict(query)
    if _text(given, "eventCode") != BILL_PAYMENT_EVENT:
        raise Refusal(1102, "eventCode")
    day = _matching(_DATE, _text(given, "transactionDate"), "transactionDate")
    try:
        on = date.fromisoformat(day)
    except ValueError:
        raise Refusal(1102, "transactionDate") from None
    reference2 = _text(given, "reference2", required=False)
    amount = _text(given, "amount", required=False)
    return Inquiry(
        on=on,
        biller_id=_matching(_BILLER, _text(given, "billerId"), "billerId"),
        reference1=_matching(_REFERENCE, _text(given, "reference1"), "reference1"),
        reference2=_matching(_REFERENCE, reference2, "reference2") if reference2 else None,
        amount=_amount(amount) if amount else None,
    )


def transaction_id(now: datetime) -> str:
    """A bank reference such as `202212073WjZwV4OnTKGd08`."""
    return f"{now.astimezone(BANGKOK):%Y%m%d}" + "".join(choice(ascii_letters + digits) for _ in range(15))


def confirmation(charge: Charge) -> dict[str, Any]:
    """The callback's body for a paid charge."""
    if charge.paid_at is None:
        raise ValueError(f"charge {charge.number} is not paid")
    return {
        "transactionId": charge.provider_reference,
        "amount": format_baht(charge.amount),
        "transactionDateandTime": charge.paid_at.astimezone(BANGKOK).isoformat(timespec="seconds"),
        "currencyCode": "764",
        "transactionType": "Domestic Transfers",
        "payeeProxyType": "BILLERID",
        "payeeProxyId": charge.biller_id,
        "payeeAccountNumber": "0987654321",
        "payeeName": "Test Biller",
        "payerProxyType": "ACCOUNT",
        "payerProxyId": "0123456789",
        "payerAccountNumber": "0123456789",
        "payerName": "Test Customer",
        "sendingBankCode": "014",
        "receivingBankCode": "014",
        "channelCode": "PMH",
        "billPaymentRef1": charge.reference,
        "billPaymentRef2": charge.reference2,
        "billPaymentRef3": charge.reference3,
    }


def inquiry_record(charge: Charge) -> dict[str, Any]:
    """One payment in an inquiry's answer: no status, the record itself says that the money arrived."""
    return {"eventCode": BILL_PAYMENT_EVENT, "reverseFlag": "", **confirmation(charge)}


def _text(given: dict[str, Any], name: str, *, required: bool = True) -> str:
    value = given.get(name)
    if value is None:
        if required:
            raise Refusal(1101, name)
        return ""
    if not isinstance(value, str):
        raise Refusal(1102, name)
    if required and not value:
        raise Refusal(1103, name)
    return value


def _matching(pattern: re.Pattern[str], value: str, name: str) -> str:
    if not pattern.fullmatch(value):
        raise Refusal(1102, name)
    return value


def _amount(text: str) -> int:
    try:
        return parse_baht(text)
    except QrMalformed:
        raise Refusal(1102, "amount") from None
