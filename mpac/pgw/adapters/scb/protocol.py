"""SCB's messages: what we send, what we accept as an answer. Strict about what matters, blind to the rest."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from kernel.errors import DomainError
from kernel.money import Money
from mpac.pgw.adapters.http import Garbled
from mpac.pgw.adapters.port import ChargeRequest, ProviderPayment, WebhookHint
from mpac.pgw.errors import WebhookMalformed

SUCCESS = 1000
DUPLICATE = 1111
NOT_FOUND = 1104
PAYMENT_REFUSED = 8102
TOKEN_EXPIRED = 9300
# Refused before anything was processed: missing, invalid or empty fields, headers, keys and rights.
REFUSED_UNPROCESSED = frozenset({1101, 1102, 1103, 1104, 9100, 9300, 9500, 9503})

BANGKOK = dt.timezone(dt.timedelta(hours=7))
# The bank's clock and ours may disagree by this much about which day it is.
MIDNIGHT_MARGIN = dt.timedelta(minutes=5)
BILL_PAYMENT_EVENT = "00300100"
CURRENCIES = {"764": "THB"}


class _Status(msgspec.Struct):
    code: int
    description: str = ""


class _Envelope(msgspec.Struct):
    status: _Status
    data: Any = None


class _Record(msgspec.Struct, rename="camel"):
    transaction_id: str
    amount: Decimal
    bill_payment_ref1: str
    currency_code: str = "764"
    transaction_dateand_time: str = ""
    reverse_flag: str | None = None
    sending_bank_code: str | None = None
    channel_code: str | None = None
    transaction_type: str | None = None


class _Confirmation(msgspec.Struct, rename="camel"):
    transaction_id: str
    bill_payment_ref1: str


_envelopes = msgspec.json.Decoder(_Envelope, float_hook=Decimal, strict=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """A readable answer of the bank: HTTP status, the bank's own code, and its data."""

    http_status: int
    code: int
    description: str
    data: Any


def read_reply(http_status: int, body: bytes) -> Reply:
    """The bank's envelope. Raises Garbled."""
    if b"\\u0000" in body:
        message = "text that no database keeps"
        raise Garbled(message)
    try:
        envelope = _envelopes.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Garbled(str(error)) from None
    return Reply(http_status, envelope.status.code, envelope.status.description[:200], envelope.data)


def qr_request(request: ChargeRequest, *, biller_id: str, reference2: str, reference3: str) -> dict[str, str]:
    """The body of a QR create call; the amount in baht with two decimals, at most 13 characters."""
    return {
        "qrType": "PP",
        "ppType": "BILLERID",
        "ppId": biller_id,
        "amount": str(request.amount.to_decimal()),
        "ref1": request.provider_key,
        "ref2": reference2,
        "ref3": reference3,
    }


def inquiry_parameters(*, biller_id: str, reference1: str, day: dt.date) -> dict[str, str]:
    """The query of an inquiry for one day, by Bangkok's calendar."""
    return {
        "eventCode": BILL_PAYMENT_EVENT,
        "transactionDate": day.isoformat(),
        "billerId": biller_id,
        "reference1": reference1,
    }


def inquiry_days(*, opened_at: dt.datetime, now: dt.datetime) -> Iterator[dt.date]:
    """Every Bangkok day on which the bank may have booked the payment, newest first, midnight on both sides included."""
    day = (now + MIDNIGHT_MARGIN).astimezone(BANGKOK).date()
    first = (opened_at - MIDNIGHT_MARGIN).astimezone(BANGKOK).date()
    while day >= first:
        yield day
        day -= dt.timedelta(days=1)


def read_payments(data: Any, *, reference1: str) -> list[ProviderPayment]:
    """The movements in an inquiry's answer that carry our reference. Raises Garbled.

    A record has no status: that it is there means that the money arrived. Another reference's record is not ours. No data
    at all is the bank's word for no payments; anything else that is not a list is no answer.
    """
    try:
        records = [] if data is None else msgspec.convert(data, list[_Record], strict=False)
    except msgspec.ValidationError as error:
        raise Garbled(str(error)) from None
    return [_payment(record) for record in records if record.bill_payment_ref1.upper() == reference1]


def read_confirmation(body: bytes) -> WebhookHint:
    """What a payment confirmation is about. It is unsigned, so only what identifies it is read, never the amount.

    The reference is part of the key that deduplicates: nobody can spend a true notice's key on another payment.
    Raises WebhookMalformed.
    """
    try:
        confirmation = msgspec.json.decode(body, type=_Confirmation)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WebhookMalformed from None
    transaction_id, reference1 = confirmation.transaction_id, confirmation.bill_payment_ref1
    if not _is_reference(transaction_id, limit=64) or not _is_reference(reference1, limit=20):
        raise WebhookMalformed
    return WebhookHint(
        dedupe_key=f"{transaction_id}:{reference1}",
        provider_key=reference1.upper(),
        provider_reference=transaction_id,
        answer={"resCode": "00", "resDesc": "success", "transactionId": transaction_id},
    )


def _payment(record: _Record) -> ProviderPayment:
    """One record. Raises Garbled when its id or its amount cannot be one."""
    if not _is_reference(record.transaction_id, limit=64):
        message = "a record without a transaction id"
        raise Garbled(message)
    return ProviderPayment(
        reference=record.transaction_id,
        amount=_amount(record),
        paid_at=_instant(record.transaction_dateand_time),
        reversed=record.reverse_flag == "R",
        details={
            "sending_bank_code": record.sending_bank_code,
            "channel_code": record.channel_code,
            "transaction_type": record.transaction_type,
        },
    )


def _amount(record: _Record) -> Money:
    """The amount, which the bank sends as text or as a number. Raises Garbled unless it is exact and positive."""
    currency = CURRENCIES.get(record.currency_code, "")
    try:
        amount = Money.from_decimal(record.amount, currency)
    except DomainError as error:
        raise Garbled(error.message) from None
    if amount.amount_minor <= 0:
        message = "a record without money"
        raise Garbled(message)
    return amount


def _instant(text: str) -> dt.datetime | None:
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant.replace(tzinfo=BANGKOK) if instant.tzinfo is None else instant


def _is_reference(text: str, *, limit: int) -> bool:
    return 0 < len(text) <= limit and text.isascii() and text.isalnum()
