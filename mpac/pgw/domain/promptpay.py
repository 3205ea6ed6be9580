"""Thai PromptPay QR: credit transfer (tag 29) and bill payment (tag 30) in baht.

Writes what a customer's bank app scans, and reads it back without relying on the order of tags. Amounts are `Money` in
THB, never floats. Tags are written in ascending order, as the banks' own payloads have them.
Source: Bank of Thailand's Thai QR Payment standard as the banks' integration guides describe it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kernel.currencies import NUMERIC_CODES
from kernel.money import Money
from mpac.pgw.domain import emvco
from mpac.pgw.domain.emvco import QrPayloadInvalid

CURRENCY = "THB"
COUNTRY = "TH"
CREDIT_TRANSFER_AID = "A000000677010111"
BILL_PAYMENT_AID = "A000000677010112"
CROSS_BORDER_BILL_AID = "A000000677012006"

_INITIATION, _TRANSFER, _BILL, _MCC = "01", "29", "30", "52"
_CURRENCY, _AMOUNT, _COUNTRY, _NAME, _CITY = "53", "54", "58", "59", "60"
_ADDITIONAL, _TERMINAL_LABEL = "62", "07"
_STATIC, _DYNAMIC = "11", "12"
_AMOUNT_LENGTH = 13
_FORMS = {
    "biller id": re.compile(r"[0-9]{13}(?:[0-9]{2})?"),
    "reference": re.compile(r"[A-Z0-9]{1,20}"),
    "merchant category code": re.compile(r"[0-9]{4}"),
    "merchant name": re.compile(r"[\x20-\x7e]{1,25}"),
    "merchant city": re.compile(r"[\x20-\x7e]{1,15}"),
    "terminal label": re.compile(r"[\x20-\x7e]{1,25}"),
}
_AMOUNT_TEXT = re.compile(r"[0-9]{1,13}(?:\.[0-9]{0,2})?")
_DIALED_MOBILE = re.compile(r"(?:0|\+?66)([0-9]{9})")


class PromptPayError(QrPayloadInvalid):
    """The payload is not a PromptPay QR."""


class ProxyType(StrEnum):
    """What a credit transfer is addressed to; the value is its tag inside the template."""

    MOBILE = "01"  # 0066 and nine digits
    NATIONAL_ID = "02"  # a person's or a company's 13-digit number
    E_WALLET = "03"  # 15 digits
    BANK_ACCOUNT = "04"  # three digits of the bank, then the account


_PROXIES = {
    ProxyType.MOBILE: re.compile(r"0066[0-9]{9}"),
    ProxyType.NATIONAL_ID: re.compile(r"[0-9]{13}"),
    ProxyType.E_WALLET: re.compile(r"[0-9]{15}"),
    ProxyType.BANK_ACCOUNT: re.compile(r"[0-9]{4,43}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Qr:
    """What every PromptPay QR may say. Without `amount` the payer enters it; `dynamic` means for one use."""

    amount: Money | None = None
    dynamic: bool = True
    terminal_label: str | None = None  # SCB's reference 3, which routes its confirmation
    mcc: str | None = None
    merchant_name: str | None = None
    merchant_city: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditTransfer(_Qr):
    """Money to a person's or shop's proxy; a mobile number may be given as dialed, `0812345678`."""

    proxy_type: ProxyType
    proxy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPayment(_Qr):
    """Money to a biller, with references that come back in the bank's confirmation."""

    biller_id: str
    reference1: str
    reference2: str | None = None
    cross_border: bool = False


def encode(qr: BillPayment | CreditTransfer) -> str:
    """The payload text to show as a QR code. Raises PromptPayError when a part does not fit the standard."""
    objects = {emvco.FORMAT: "01", _INITIATION: _DYNAMIC if qr.dynamic else _STATIC}
    if isinstance(qr, BillPayment):
        objects[_BILL] = _bill_template(qr)
    else:
        objects[_TRANSFER] = _transfer_template(qr)
    _put(objects, _MCC, qr.mcc, what="merchant category code")
    objects[_CURRENCY] = NUMERIC_CODES[CURRENCY]
    if qr.amount is not None:
        objects[_AMOUNT] = _amount_text(qr.amount)
    objects[_COUNTRY] = COUNTRY
    _put(objects, _NAME, qr.merchant_name, what="merchant name")
    _put(objects, _CITY, qr.merchant_city, what="merchant city")
    if qr.terminal_label is not None:
        label = _checked("terminal label", qr.terminal_label)
        objects[_ADDITIONAL] = emvco.encode_template({_TERMINAL_LABEL: label})
    return emvco.encode(objects)


def decode(payload: str) -> BillPayment | CreditTransfer:
    """Read a payload, ignoring tags that this platform has no use for. Raises PromptPayError.

    Of a payload with both templates the bill payment is read: its references identify the sale.
    """
    try:
        objects = emvco.decode(payload)
        additional = emvco.decode_template(objects.get(_ADDITIONAL, ""))
        bill = emvco.decode_template(objects.get(_BILL, ""))
        transfer = emvco.decode_template(objects.get(_TRANSFER, ""))
    except PromptPayError:
        raise
    except QrPayloadInvalid as error:
        raise PromptPayError(error.message) from error
    if objects.get(_CURRENCY) != NUMERIC_CODES[CURRENCY] or objects.get(_COUNTRY) != COUNTRY:
        msg = "The payload is not one for baht in Thailand."
        raise PromptPayError(msg)
    common = _Qr(
        amount=_amount(objects.get(_AMOUNT)),
        dynamic=_is_dynamic(objects.get(_INITIATION)),
        terminal_label=additional.get(_TERMINAL_LABEL),
        mcc=objects.get(_MCC),
        merchant_name=objects.get(_NAME),
        merchant_city=objects.get(_CITY),
    )
    return _bill(bill, common) if bill else _transfer(transfer, common)


def same_payment(one: BillPayment | CreditTransfer, other: BillPayment | CreditTransfer) -> bool:
    """Whether two QRs move the same amount to the same place under the same references."""
    return (type(one), one.amount, _destination(one)) == (type(other), other.amount, _destination(other))


def _destination(qr: BillPayment | CreditTransfer) -> str:
    return _bill_template(qr) if isinstance(qr, BillPayment) else _transfer_template(qr)


def _bill_template(bill: BillPayment) -> str:
    objects = {
        "00": CROSS_BORDER_BILL_AID if bill.cross_border else BILL_PAYMENT_AID,
        "01": _checked("biller id", bill.biller_id),
        "02": _checked("reference", bill.reference1),
    }
    _put(objects, "03", bill.reference2, what="reference")
    return emvco.encode_template(objects)


def _transfer_template(transfer: CreditTransfer) -> str:
    proxy = transfer.proxy
    if transfer.proxy_type is ProxyType.MOBILE and (dialed := _DIALED_MOBILE.fullmatch(proxy)):
        proxy = f"0066{dialed[1]}"
    if _PROXIES[transfer.proxy_type].fullmatch(proxy) is None:
        msg = "The proxy does not have the form of its type."
        raise PromptPayError(msg)
    return emvco.encode_template({"00": CREDIT_TRANSFER_AID, transfer.proxy_type.value: proxy})


def _bill(template: dict[str, str], common: _Qr) -> BillPayment:
    aid = template.get("00")
    if aid not in {BILL_PAYMENT_AID, CROSS_BORDER_BILL_AID}:
        msg = "The payload's bill payment template belongs to another application."
        raise PromptPayError(msg)
    reference2 = template.get("03")
    return BillPayment(
        biller_id=_checked("biller id", template.get("01", "")),
        reference1=_checked("reference", template.get("02", "")),
        reference2=None if reference2 is None else _checked("reference", reference2),
        cross_border=aid == CROSS_BORDER_BILL_AID,
        **_fields(common),
    )


def _transfer(template: dict[str, str], common: _Qr) -> CreditTransfer:
    proxies = [proxy_type for proxy_type in ProxyType if proxy_type.value in template]
    if template.get("00") != CREDIT_TRANSFER_AID or len(proxies) != 1:
        msg = "The payload has no PromptPay template that names exactly one destination."
        raise PromptPayError(msg)
    proxy = template[proxies[0].value]
    if _PROXIES[proxies[0]].fullmatch(proxy) is None:
        msg = "The proxy does not have the form of its type."
        raise PromptPayError(msg)
    return CreditTransfer(proxy_type=proxies[0], proxy=proxy, **_fields(common))


def _fields(common: _Qr) -> dict[str, Any]:
    return {name: getattr(common, name) for name in _Qr.__slots__}


def _is_dynamic(initiation: str | None) -> bool:
    if initiation not in {_STATIC, _DYNAMIC}:
        msg = "The payload is neither static nor dynamic."
        raise PromptPayError(msg)
    return initiation == _DYNAMIC


def _amount_text(amount: Money) -> str:
    text = f"{amount.to_decimal():f}"
    if amount.currency != CURRENCY or amount.amount_minor <= 0 or len(text) > _AMOUNT_LENGTH:
        msg = "The amount must be positive, in baht, and fit 13 characters."
        raise PromptPayError(msg)
    return text


def _amount(text: str | None) -> Money | None:
    if text is None:
        return None
    well_formed = len(text) <= _AMOUNT_LENGTH and _AMOUNT_TEXT.fullmatch(text)
    amount = Money.from_decimal(text.removesuffix("."), CURRENCY) if well_formed else Money.zero(CURRENCY)
    if amount.amount_minor <= 0:
        msg = "The amount of the payload is not a positive number of satang."
        raise PromptPayError(msg)
    return amount


def _put(objects: dict[str, str], tag: str, value: str | None, *, what: str) -> None:
    if value is not None:
        objects[tag] = _checked(what, value)


def _checked(what: str, value: str) -> str:
    if _FORMS[what].fullmatch(value) is None:
        msg = f"The {what} does not have the form that PromptPay prescribes."
        raise PromptPayError(msg)
    return value
