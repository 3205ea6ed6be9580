"""Adyen's notices: each signed over eight of its fields with the decoded key; nothing but these fields is believed.

A signature has no time, so an old notice can come again; it has the same name then, and says nothing new.
"""

import base64
import binascii
import hmac
from hashlib import sha256
from typing import Any

import msgspec

from kernel.money import Money
from mpac.pgw.adapters.adyen.protocol import HOLD_SUFFIX, Amount, checked_reference, money_of
from mpac.pgw.adapters.http import Garbled
from mpac.pgw.adapters.port import (
    Authorized,
    CaptureNews,
    Declined,
    DisputeNews,
    Done,
    NeverHeard,
    ProviderAccount,
    ProviderPayment,
    RefundNews,
    Reversed,
    Voided,
    WebhookHint,
)
from mpac.pgw.adapters.signatures import check_any, webhook_secrets
from mpac.pgw.errors import WebhookMalformed, WebhookRefused

ANSWER = "[accepted]"
MAX_TEXT = 255
_DISPUTES = {
    "REQUEST_FOR_INFORMATION": "opened",
    "NOTIFICATION_OF_CHARGEBACK": "opened",
    "CHARGEBACK": "under_review",
    "CHARGEBACK_REVERSED": "won",
    "SECOND_CHARGEBACK": "lost",
}
# How often the amount was taken, and given back, when a dispute has come so far.
_FUNDS = {"CHARGEBACK": (1, 0), "CHARGEBACK_REVERSED": (1, 1), "SECOND_CHARGEBACK": (2, 1)}
_REFUNDS = frozenset({"REFUND", "REFUND_FAILED", "REFUNDED_REVERSED"})
_FAILED = Declined(code="refused", message="The provider refused.")


class Item(msgspec.Struct, rename="camel"):
    """The signed part of a notice. Adyen writes `success` as text; some of its systems write a boolean."""

    psp_reference: str
    event_code: str
    merchant_account_code: str
    success: str | bool
    amount: Amount
    merchant_reference: str = ""
    original_reference: str = ""
    additional_data: dict[str, Any] = {}

    @property
    def succeeded(self) -> bool:
        return self.said == "true"

    @property
    def said(self) -> str:
        """`success` as it is signed."""
        return ("true" if self.success else "false") if isinstance(self.success, bool) else self.success

    @property
    def charge_key(self) -> str:
        """Our key in the reference of a charge."""
        return self.merchant_reference.removesuffix(HOLD_SUFFIX)

    @property
    def is_of_hold(self) -> bool:
        return self.merchant_reference.endswith(HOLD_SUFFIX)


class _Entry(msgspec.Struct):
    item: Item = msgspec.field(name="NotificationRequestItem")


class _Notice(msgspec.Struct):
    entries: list[_Entry] = msgspec.field(name="notificationItems")


def read_notice(*, body: bytes, account: ProviderAccount | None) -> WebhookHint:
    """What a notice proves. Raises WebhookRefused and WebhookMalformed."""
    keys = [_decoded(secret) for secret in webhook_secrets(account)]
    try:
        notice = msgspec.json.decode(body, type=_Notice)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WebhookMalformed from None
    if len(notice.entries) != 1 or b"\\u0000" in body:  # Adyen sends them one by one in JSON
        raise WebhookMalformed
    item = notice.entries[0].item
    check_item(item, keys=keys)
    if account and item.merchant_account_code != account.fields.get("merchant_account"):
        raise WebhookRefused
    try:
        return _hint(item)
    except Garbled:
        raise WebhookMalformed from None


def signed_text(item: Item) -> str:
    """What a signature covers; colons in the fields stay as they are."""
    fields = (
        item.psp_reference,
        item.original_reference,
        item.merchant_account_code,
        item.merchant_reference,
        str(item.amount.value),
        item.amount.currency,
        item.event_code,
        item.said,
    )
    return ":".join(fields)


def check_item(item: Item, *, keys: list[bytes]) -> None:
    """Raises WebhookRefused unless the item is signed with one of the keys."""
    given = item.additional_data.get("hmacSignature")
    if not isinstance(given, str) or not given:
        raise WebhookRefused
    message = signed_text(item).encode()
    expected = [base64.b64encode(hmac.new(key, message, sha256).digest()).decode() for key in keys]
    check_any(expected, given=[given])


def _decoded(secret: str) -> bytes:
    try:
        return binascii.unhexlify(secret)
    except (binascii.Error, ValueError):
        raise WebhookRefused from None


def _hint(item: Item) -> WebhookHint:
    texts = (item.merchant_reference, item.original_reference, item.event_code)
    if any(len(text) > MAX_TEXT for text in texts):
        raise WebhookMalformed
    if item.event_code in _DISPUTES:
        return _about_dispute(item)
    if item.event_code in _REFUNDS:
        return _about_refund(item)
    if item.event_code == "AUTHORISATION" and item.succeeded:
        return _about_authorization(item)
    if item.event_code == "TECHNICAL_CANCEL":
        return _about(item, **_called_off(item))
    return _about(item, **_proven(item))


def _proven(item: Item) -> dict[str, Any]:
    """What the other notices prove about a charge."""
    match item.event_code, item.succeeded:
        case "AUTHORISATION", False:
            return {"state": _FAILED}
        case "CANCELLATION", True:
            return {"state": Voided()}
        case "CAPTURE", True:
            return {"payments": (_captured(item),)}
        case ("CAPTURE", False) | ("CAPTURE_FAILED", _):
            return {"capture": CaptureNews(amount=money_of(item.amount), outcome=_FAILED)}
    return {}


def _called_off(item: Item) -> dict[str, Any]:
    """What became of a cancellation by our reference. Why it failed is not signed, and so not read."""
    if item.succeeded:
        return {"state": Voided(reference=item.original_reference or None)}
    return {} if item.original_reference else {"state": NeverHeard()}


def _about(item: Item, **proven: Any) -> WebhookHint:
    reference = checked_reference(item.psp_reference)
    return WebhookHint(
        dedupe_key=f"{item.event_code}:{reference}:{item.said}",
        provider_key=item.charge_key,
        provider_reference=item.original_reference or reference,
        answer=ANSWER,
        **proven,
    )


def _about_authorization(item: Item) -> WebhookHint:
    """Money that is taken at once, or held if the charge's reference says so."""
    if item.is_of_hold:
        return _about(item, state=Authorized(reference=item.psp_reference, amount=money_of(item.amount)))
    return _about(item, payments=(_payment(item),))


def _about_refund(item: Item) -> WebhookHint:
    """News of a refund under the reference that was given with it."""
    outcome: Done | Reversed | Declined = _FAILED
    if item.event_code != "REFUND":
        message = "The payer's bank could not book the refund."
        outcome = Reversed(reference=item.psp_reference, code=item.event_code.lower(), message=message)
    elif item.succeeded:
        outcome = Done(reference=item.psp_reference, amount=money_of(item.amount))
    return _about(item, refund=RefundNews(operation_key=item.merchant_reference, outcome=outcome))


def _about_dispute(item: Item) -> WebhookHint:
    amount = money_of(item.amount)
    taken, given = _FUNDS.get(item.event_code, (0, 0))
    news = DisputeNews(
        reference=checked_reference(item.psp_reference),
        status=_DISPUTES[item.event_code],
        amount=amount,
        reason=item.event_code.lower(),
        withdrawn=Money(amount.amount_minor * taken, amount.currency),
        reinstated=Money(amount.amount_minor * given, amount.currency),
    )
    return _about(item, dispute=news)


def _captured(item: Item) -> ProviderPayment:
    """The money of a capture. What the provider captures of its own accord was counted when it was authorized."""
    counted_as = item.psp_reference if item.is_of_hold else checked_reference(item.original_reference)
    return ProviderPayment(reference=counted_as, amount=money_of(item.amount))


def _payment(item: Item) -> ProviderPayment:
    return ProviderPayment(reference=item.psp_reference, amount=money_of(item.amount))
