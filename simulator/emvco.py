"""Thai bill payment QR codes (EMVCo merchant-presented mode, template 30) as a bank writes and reads them.

Refuses to guess: a code with a wrong checksum, a length that does not fit or a tag twice is no code at all.
"""

import re
from binascii import crc_hqx
from dataclasses import dataclass

BILL_PAYMENT_AID = "A000000677010112"
ACQUIRER_AID = "A000000677010113"
BAHT = "764"
_CHECKSUM_HEAD = "6304"
_HEAD = 4  # a tag and a length, two digits each
_AMOUNT = re.compile(r"[0-9]{1,10}(?:\.([0-9]{1,2}))?")


class QrMalformed(ValueError):
    """The text is not an intact bill payment QR code."""


@dataclass(frozen=True, kw_only=True)
class BillPaymentQr:
    """What a bank app reads from the code; `amount` is in satang, None = the customer enters it."""

    biller_id: str
    reference1: str
    reference2: str
    reference3: str
    amount: int | None
    acquirer: str = ""  # a bank that repeats the references for its own app (template 31)


def write_bill_payment(qr: BillPaymentQr) -> str:
    """The payload of a bill payment code, checksum included."""
    template = _field("00", BILL_PAYMENT_AID) + _field("01", qr.biller_id) + _field("02", qr.reference1)
    if qr.reference2:
        template += _field("03", qr.reference2)
    text = _field("00", "01") + _field("01", "11" if qr.amount is None else "12") + _field("30", template)
    if qr.acquirer:
        own = _field("00", ACQUIRER_AID) + _field("01", qr.acquirer) + _field("02", qr.reference1)
        text += _field("31", own + _field("04", qr.reference2))
    text += _field("53", BAHT)
    if qr.amount is not None:
        text += _field("54", format_baht(qr.amount))
    text += _field("58", "TH")
    if qr.reference3:
        text += _field("62", _field("07", qr.reference3))
    text += _CHECKSUM_HEAD
    return text + checksum(text)


def read_bill_payment(payload: str) -> BillPaymentQr:
    """Parse a scanned code, tags in any order. Raises QrMalformed."""
    if payload[-8:-4] != _CHECKSUM_HEAD or checksum(payload[:-4]) != payload[-4:]:
        raise QrMalformed("the checksum is missing or wrong")
    tags = _read_fields(payload)
    if next(iter(tags.items())) != ("00", "01"):
        raise QrMalformed("a code begins with tag 00 = 01")
    template = _read_fields(tags.get("30", ""))
    if template.get("00") != BILL_PAYMENT_AID or not template.get("01") or not template.get("02"):
        raise QrMalformed("no bill payment template (tag 30) with biller and reference 1")
    if tags.get("53") != BAHT or tags.get("58") != "TH":
        raise QrMalformed("not a Thai baht code")
    return BillPaymentQr(
        biller_id=template["01"],
        reference1=template["02"],
        reference2=template.get("03", ""),
        reference3=_read_fields(tags.get("62", "")).get("07", ""),
        amount=parse_baht(tags["54"]) if "54" in tags else None,
    )


def checksum(text: str) -> str:
    """CRC-16/CCITT-FALSE as four upper-case hex digits."""
    return f"{crc_hqx(text.encode(), 0xFFFF):04X}"


def parse_baht(text: str) -> int:
    """`"125.5"` -> 12550 satang. Raises QrMalformed for anything that is not a plain amount above zero."""
    match = _AMOUNT.fullmatch(text)
    if not match:
        raise QrMalformed(f"not an amount: {text[:20]!r}")
    baht, satang = text.partition(".")[0], (match[1] or "").ljust(2, "0")
    amount = int(baht) * 100 + int(satang)
    if amount == 0:
        raise QrMalformed("an amount is above zero")
    return amount


def format_baht(amount: int) -> str:
    """12550 satang -> `"125.50"`."""
    return f"{amount // 100}.{amount % 100:02d}"


def _field(tag: str, value: str) -> str:
    return f"{tag}{len(value):02d}{value}"


def _read_fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    at = 0
    while at < len(text):
        head = text[at : at + _HEAD]
        if len(head) < _HEAD or not (head.isascii() and head.isdigit()):
            raise QrMalformed("a tag and its length are four digits")
        value = text[at + _HEAD : at + _HEAD + int(head[2:])]
        if len(value) < int(head[2:]):
            raise QrMalformed(f"tag {head[:2]} is shorter than its length says")
        if head[:2] in fields:
            raise QrMalformed(f"tag {head[:2]} appears twice")
        fields[head[:2]] = value
        at += _HEAD + len(value)
    return fields
