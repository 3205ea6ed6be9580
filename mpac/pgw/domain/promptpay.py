"""Thai PromptPay QR: credit transfer (tag 29) and bill payment (tag 30) in baht.

Builds what a customer's bank app scans and reads it back without relying on the order of tags. Amounts are `Money` in
THB, never floats. Tags are written in ascending order, as the banks' own payloads have them.
Source: Bank of Thailand's Thai QR Payment standard as collected by the banks' integration guides.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from kernel.currencies import NUMERIC_CODES
from kernel.money import AmountMalformed, AmountNotExact, AmountOutOfRange, Money
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
_AMOUNT_TEXT = re.compile(r"[0-9]{1,13}(?:\.[0-9]{0,2})?")
_AMOUNT_LENGTH = 13
_BILLER = re.compile(r"[0-9]{13}(?:[0-9]{2})?")
_REFERENCE = re.compile(r"[A-Z0-9]{1,20}")
_LABEL = re.compile(r"[\x20-\x7e]{1,25}")
_MCC_TEXT = re.compile(r"[0-9]{4}")
_LOCAL_MOBILE = re.compile(r"(?:0|\+?66)([0-9]{9})")


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
class CreditTransfer:
    """Money to a person's or shop's proxy. A mobile number may be given as dialed, `0812345678`."""

    proxy_type: ProxyType
    proxy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPayment:
    """Money to a biller with references that come back in the bank's confirmation."""

    biller_id: str
    reference1: str
    reference2: str | None = None
    cross_border: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPayQr:
    """What a PromptPay payload says. Without an `amount` the payer enters it; `dynamic` means for one use."""

    target: CreditTransfer | BillPayment
    amount: Money | None
    dynamic: bool
    terminal_label: str | None = None  # SCB's reference 3, which routes its confirmation
    mcc: str | None = None
    merchant_name: str | None = None
    merchant_city: str | None = None


def build(qr: PromptPayQr) -> str:
    """The payload text to show as a QR code. Raises QrPayloadInvalid when a part does not fit the standard."""
    objects = {emvco.FORMAT: "01", _INITIATION: _DYNAMIC if qr.dynamic else _STATIC}
    if isinstance(qr.target, BillPayment):
        objects[_BILL] = _bill_template(qr.target)
    else:
        objects[_TRANSFER] = _transfer_template(qr.target)
    if qr.mcc is not None:
        objects[_MCC] = _checked(_MCC_TEXT, qr.mcc, what="merchant category code")
    objects[_CURRENCY] = NUMERIC_CODES[CURRENCY]
    if qr.amount is not None:
        objects[_AMOUNT] = _amount_text(qr.amount)
    objects[_COUNTRY] = COUNTRY
    if qr.merchant_name is not None:
        objects[_NAME] = _checked(_LABEL, qr.merchant_name, what="merchant name")
    if qr.merchant_city is not None:
        objects[_CITY] = _checked(re.compile(r"[\x20-\x7e]{1,15}"), qr.merchant_city, what="merchant city")
    if qr.terminal_label is not None:
        label = _checked(_LABEL, qr.terminal_label, what="terminal label")
        objects[_ADDITIONAL] = emvco.encode_template({_TERMINAL_LABEL: label})
    return emvco.encode(objects)


def parse(payload: str) -> PromptPayQr:
    """Read a PromptPay payload; tags that this platform has no use for are ignored. Raises QrPayloadInvalid."""
    objects = emvco.decode(payload)
    if objects.get(_CURRENCY) != NUMERIC_CODES[CURRENCY] or objects.get(_COUNTRY) != COUNTRY:
        msg = "The payload is not one for baht in Thailand."
        raise QrPayloadInvalid(msg)
    initiation = objects.get(_INITIATION)
    if initiation not in {_STATIC, _DYNAMIC}:
        msg = "The payload is neither static nor dynamic."
        raise QrPayloadInvalid(msg)
    additional = emvco.decode_template(objects.get(_ADDITIONAL, ""))
    return PromptPayQr(
        target=_target(objects),
        amount=_amount(objects.get(_AMOUNT)),
        dynamic=initiation == _DYNAMIC,
        terminal_label=additional.get(_TERMINAL_LABEL),
        mcc=objects.get(_MCC),
        merchant_name=objects.get(_NAME),
        merchant_city=objects.get(_CITY),
    )


def _bill_template(bill: BillPayment) -> str:
    objects = {
        "00": CROSS_BORDER_BILL_AID if bill.cross_border else BILL_PAYMENT_AID,
        "01": _checked(_BILLER, bill.biller_id, what="biller id"),
        "02": _checked(_REFERENCE, bill.reference1, what="reference 1"),
    }
    if bill.reference2 is not None:
        objects["03"] = _checked(_REFERENCE, bill.reference2, what="reference 2")
    return emvco.encode_template(objects)


def _transfer_template(transfer: CreditTransfer) -> str:
    proxy = transfer.proxy
    if transfer.proxy_type is ProxyType.MOBILE and (local := _LOCAL_MOBILE.fullmatch(proxy)):
        proxy = f"0066{local[1]}"
    checked = _checked(_PROXIES[transfer.proxy_type], proxy, what="proxy")
    return emvco.encode_template({"00": CREDIT_TRANSFER_AID, transfer.proxy_type.value: checked})


def _target(objects: dict[str, str]) -> CreditTransfer | BillPayment:
    """Bill payment goes first: its references identify the sale, which a transfer beside it cannot."""
    if _BILL in objects:
        return _bill(emvco.decode_template(objects[_BILL]))
    if _TRANSFER in objects:
        return _transfer(emvco.decode_template(objects[_TRANSFER]))
    msg = "The payload has no PromptPay template."
    raise QrPayloadInvalid(msg)


def _bill(template: dict[str, str]) -> BillPayment:
    aid = template.get("00")
    if aid not in {BILL_PAYMENT_AID, CROSS_BORDER_BILL_AID}:
        msg = "The payload's bill payment template belongs to another application."
        raise QrPayloadInvalid(msg)
    reference2 = template.get("03")
    return BillPayment(
        biller_id=_checked(_BILLER, template.get("01", ""), what="biller id"),
        reference1=_checked(_REFERENCE, template.get("02", ""), what="reference 1"),
        reference2=None if reference2 is None else _checked(_REFERENCE, reference2, what="reference 2"),
        cross_border=aid == CROSS_BORDER_BILL_AID,
    )


def _transfer(template: dict[str, str]) -> CreditTransfer:
    proxies = [proxy_type for proxy_type in ProxyType if proxy_type.value in template]
    if template.get("00") != CREDIT_TRANSFER_AID or len(proxies) != 1:
        msg = "The payload's transfer template does not name exactly one PromptPay proxy."
        raise QrPayloadInvalid(msg)
    proxy = _checked(_PROXIES[proxies[0]], template[proxies[0].value], what="proxy")
    return CreditTransfer(proxy_type=proxies[0], proxy=proxy)


def _amount_text(amount: Money) -> str:
    text = f"{amount.to_decimal():f}"
    if amount.currency != CURRENCY or amount.amount_minor <= 0 or len(text) > _AMOUNT_LENGTH:
        msg = "The amount must be positive, in baht, and fit 13 characters."
        raise QrPayloadInvalid(msg)
    return text


def _amount(text: str | None) -> Money | None:
    if text is None:
        return None
    try:
        if len(text) > _AMOUNT_LENGTH or _AMOUNT_TEXT.fullmatch(text) is None:
            raise AmountMalformed
        amount = Money.from_decimal(text.removesuffix("."), CURRENCY)
    except (AmountMalformed, AmountNotExact, AmountOutOfRange):
        amount = Money.zero(CURRENCY)
    if amount.amount_minor <= 0:
        msg = "The amount of the payload is not a positive number of satang."
        raise QrPayloadInvalid(msg)
    return amount


def _checked(pattern: re.Pattern[str], value: str, *, what: str) -> str:
    if pattern.fullmatch(value) is None:
        msg = f"The {what} does not have the form that PromptPay prescribes."
        raise QrPayloadInvalid(msg)
    return value
