"""PayPay's messages: what we send, what we accept as an answer. Strict about what matters, blind to the rest."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from kernel.errors import DomainError
from kernel.money import Money
from mpac.pgw.adapters.http import Garbled, convert
from mpac.pgw.adapters.port import (
    Accepted,
    ActionRequired,
    Approved,
    Authorized,
    CaptureRequest,
    ChargeRequest,
    Declined,
    Done,
    NeverHeard,
    NotProcessed,
    OperationOutcome,
    Outcome,
    Pending,
    ProviderPayment,
    RefundRequest,
    Unknown,
    Voided,
    WebhookHint,
)
from mpac.pgw.domain.next_actions import display_qr
from mpac.pgw.domain.provider_amounts import from_units, to_units
from mpac.pgw.errors import WebhookMalformed

NAME = "paypay"
CURRENCY = "JPY"
MAX_REFERENCE = 64
DUPLICATE = "DUPLICATE_DYNAMIC_QR_REQUEST"
PAYMENT_UNKNOWN = "DYNAMIC_QR_PAYMENT_NOT_FOUND"
ORDER_UNKNOWN = "RESOURCE_NOT_FOUND"
REFUND_UNKNOWN = "NO_SUCH_REFUND_ORDER"
# The provider looked at the order and would not, or its own processing failed for good.
REFUSED = frozenset({"UNACCEPTABLE_OP", "CANCELED_USER", "NO_SUFFICIENT_FUND", "TRANSACTION_FAILED"})
# Refused before anything was processed. 5xx other than TRANSACTION_FAILED prove nothing.
REFUSED_UNPROCESSED = frozenset({400, 401, 403, 404, 405, 413, 415, 429})
_WITHOUT_MONEY: dict[str, Outcome] = {
    "CREATED": Pending(),
    "CANCELED": Voided(),
    "EXPIRED": Voided(),
    "FAILED": Declined(code="payment_failed", message="The payment failed at the provider."),
}
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _ResultInfo(msgspec.Struct):
    code: str
    message: str = ""


class _Envelope(msgspec.Struct, rename="camel"):
    result_info: _ResultInfo
    data: Any = None


class _Amount(msgspec.Struct):
    amount: int
    currency: str


class _Code(msgspec.Struct, rename="camel"):
    code_id: str
    url: str
    expiry_date: int | None = None


class _Capture(msgspec.Struct, rename="camel"):
    merchant_capture_id: str
    amount: _Amount


class _Captures(msgspec.Struct):
    data: list[_Capture] = []


class Payment(msgspec.Struct, rename="camel"):
    """A payment's details."""

    status: str
    amount: _Amount
    payment_id: str | None = None
    accepted_at: int | None = None
    captures: _Captures | None = None


class _Refund(msgspec.Struct, rename="camel"):
    status: str
    merchant_refund_id: str
    amount: _Amount


class _Notice(msgspec.Struct):
    order_id: str
    merchant_order_id: str
    state: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A readable answer: HTTP status, the provider's own code, and its data."""

    status: int
    code: str
    message: str
    data: Any

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - the range of HTTP's successes

    @property
    def error_code(self) -> str:
        """The code as we keep it."""
        return f"paypay_{self.code.lower()}"


def read_reply(status: int, content: dict[str, Any]) -> Reply:
    """The envelope. Raises Garbled."""
    envelope = convert(content, _Envelope)
    info = envelope.result_info
    return Reply(status, info.code[:50], info.message[:200], envelope.data)


def code_fields(request: ChargeRequest) -> dict[str, Any]:
    """The body of the call that makes a code. Raises AmountNotExact."""
    fields: dict[str, Any] = {
        "merchantPaymentId": request.provider_key,
        "amount": _amount_fields(request.amount),
        "codeType": "ORDER_QR",
        "requestedAt": int(request.now.timestamp()),
        "isAuthorization": not request.capture,
    }
    if request.description:
        fields["orderDescription"] = request.description[:255]
    return fields


def capture_fields(request: CaptureRequest) -> dict[str, Any]:
    """The body of a capture. Raises AmountNotExact."""
    return {
        "merchantPaymentId": request.charge.provider_key,
        "amount": _amount_fields(request.amount),
        "merchantCaptureId": request.operation_key,
        "requestedAt": int(request.charge.now.timestamp()),
        "orderDescription": (request.charge.description or request.operation_key)[:255],
    }


def revert_fields(request: ChargeRequest, *, payment_id: str) -> dict[str, Any]:
    """The body of letting held money go."""
    return {
        "merchantRevertId": request.provider_key,
        "paymentId": payment_id,
        "requestedAt": int(request.now.timestamp()),
    }


def refund_fields(request: RefundRequest) -> dict[str, Any]:
    """The body of a refund. Raises AmountNotExact."""
    return {
        "merchantRefundId": request.operation_key,
        "paymentId": request.payment_reference,
        "amount": _amount_fields(request.amount),
        "requestedAt": int(request.charge.now.timestamp()),
        "reason": request.reason[:255],
    }


def shown_code(data: Any, request: ChargeRequest) -> ActionRequired:
    """The code to show, for as long as both sides let it be paid. Raises Garbled."""
    code = convert(data, _Code)
    if not is_code(code.code_id) or not code.url.startswith("https://") or not code.url.isascii():
        message = "a code that nobody can scan"
        raise Garbled(message)
    until = min(request.expires_at, _instant(code.expiry_date) or request.expires_at)
    return ActionRequired(
        next_action=display_qr(code.url, until=until),
        provider_reference=code.code_id,
    )


def read_payment(data: Any) -> Payment:
    """A payment's details. Raises Garbled when there is no telling which payment it is about."""
    payment = convert(data, Payment)
    if payment.status != "CREATED" and payment.payment_id is not None:
        _check_reference(payment.payment_id)
    return payment


def payment_outcome(payment: Payment) -> Outcome:
    """What a payment's state means. Raises Garbled."""
    match payment.status:
        case "COMPLETED" | "REFUNDED":
            return Approved(payments=(_movement(payment),))
        case "AUTHORIZED":
            return Authorized(reference=_id_of(payment), amount=money_of(payment.amount))
    doubtful = Unknown(
        code=f"paypay_{payment.status.lower()}"[:64], message="The payment is in a state of its own."
    )
    return _WITHOUT_MONEY.get(payment.status, doubtful)


def capture_outcome(payment: Payment, request: CaptureRequest) -> OperationOutcome:
    """What a payment's state means for its only capture. Raises Garbled."""
    match payment.status:
        case "COMPLETED" | "REFUNDED":
            taken = _capture_of(payment)
            if taken is not None and taken.merchant_capture_id != request.operation_key:
                return Declined(code="already_captured", message="The money was taken by another capture.")
            movement = _movement(payment)
            return Done(reference=movement.reference, amount=movement.amount)
        case "AUTHORIZED":
            return NeverHeard()
        case "CANCELED" | "EXPIRED":
            return Declined(code="authorization_released", message="The money is no longer held.")
    return Unknown(code=f"paypay_{payment.status.lower()}"[:64], message="The payment is in another state.")


def refund_outcome(data: Any) -> OperationOutcome:
    """What a refund's state means; it has no id but ours. Raises Garbled."""
    refund = convert(data, _Refund)
    _check_reference(refund.merchant_refund_id)
    match refund.status:
        case "REFUNDED":
            return Done(reference=refund.merchant_refund_id, amount=money_of(refund.amount))
        case "CREATED":
            return Accepted(reference=refund.merchant_refund_id)
        case "REFUND_FAILED":
            return Declined(code="refund_failed", message="The refund failed at the provider.")
    return Unknown(
        code=f"paypay_{refund.status.lower()}"[:64], message="The refund is in a state of its own."
    )


def refusal(reply: Reply) -> Declined | NotProcessed | Unknown:
    """What a refused call proves."""
    if reply.code in REFUSED:
        return Declined(code=reply.error_code, message=reply.message)
    if reply.status in REFUSED_UNPROCESSED:
        return NotProcessed(code=reply.error_code, message=reply.message)
    return doubt(reply)


def doubt(reply: Reply) -> Unknown:
    """An answer that proves nothing."""
    return Unknown(code=reply.error_code, message=reply.message)


def read_notice(body: bytes) -> WebhookHint:
    """What a notice is about. It is unsigned, so only what identifies it is read, never the amount.

    Everything that identifies it is part of the key that deduplicates: nobody can spend a true notice's key on another
    payment. Raises WebhookMalformed.
    """
    try:
        notice = msgspec.json.decode(body, type=_Notice)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WebhookMalformed from None
    parts = (notice.order_id, notice.merchant_order_id, notice.state)
    if not all(_is_reference(part) for part in parts):
        raise WebhookMalformed
    return WebhookHint(
        dedupe_key=":".join(parts),
        provider_key=notice.merchant_order_id,
        provider_reference=notice.order_id,
        answer={},
    )


def is_code(text: str) -> bool:
    """Whether this can be a code's id, and stand in an address as it is."""
    return _CODE.fullmatch(text) is not None


def money_of(amount: _Amount) -> Money:
    """An amount in whole yen. Raises Garbled unless it is positive yen."""
    try:
        money = from_units(amount.amount, amount.currency, provider=NAME)
    except DomainError as error:
        raise Garbled(error.message) from None
    if money.amount_minor <= 0 or money.currency != CURRENCY:
        message = "money of nothing"
        raise Garbled(message)
    return money


def _movement(payment: Payment) -> ProviderPayment:
    taken = _capture_of(payment)
    return ProviderPayment(
        reference=_id_of(payment),
        amount=money_of(taken.amount if taken else payment.amount),
        paid_at=_instant(payment.accepted_at),
    )


def _capture_of(payment: Payment) -> _Capture | None:
    captures = payment.captures.data if payment.captures else []
    return captures[0] if captures else None


def _id_of(payment: Payment) -> str:
    return _check_reference(payment.payment_id or "")


def _amount_fields(amount: Money) -> dict[str, Any]:
    return {"amount": to_units(amount, provider=NAME), "currency": amount.currency}


def _instant(epoch: int | None) -> dt.datetime | None:
    if epoch is None or not 0 < epoch < 10**11:
        return None
    return dt.datetime.fromtimestamp(epoch, dt.UTC)


def _check_reference(text: str) -> str:
    if not _is_reference(text):
        message = "an id that cannot be one"
        raise Garbled(message)
    return text


def _is_reference(text: str) -> bool:
    return 0 < len(text) <= MAX_REFERENCE and text.isascii() and text.isprintable()
