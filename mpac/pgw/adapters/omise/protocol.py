"""Omise's objects: what we send, what we accept as an answer. Strict about what matters, blind to the rest."""

import datetime as dt
from typing import Any

import msgspec

from kernel.clock import rfc3339
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
    OperationOutcome,
    Outcome,
    Pending,
    ProviderPayment,
    RefundRequest,
    Reversed,
    Unknown,
    Voided,
)
from mpac.pgw.domain.methods import PaymentMethodCode
from mpac.pgw.domain.next_actions import display_image, redirect_to_url
from mpac.pgw.domain.provider_amounts import from_units, to_units

NAME = "omise"
MAX_REFERENCE = 64
CURRENCIES = frozenset(
    ["AUD", "CAD", "CHF", "CNY", "DKK", "EUR", "GBP", "HKD", "JPY", "MYR", "SGD", "THB", "USD"]
)
# A code is payable for an hour at most; a shorter life is asked for, a longer one is not to be had.
MAX_CODE_LIFE = dt.timedelta(hours=1)


class Card(msgspec.Struct):
    """What may be shown of a card."""

    brand: str | None = None
    last_digits: str | None = None


class Charge(msgspec.Struct):
    """A charge."""

    id: str
    status: str
    amount: int
    currency: str
    authorized: bool = False
    capturable: bool = False
    captured_amount: int | None = None
    card: Card | None = None
    metadata: dict[str, Any] = {}
    source: dict[str, Any] | None = None
    authorize_uri: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    expires_at: str | None = None
    paid_at: str | None = None

    @property
    def key(self) -> str:
        """Our key, if the charge is ours."""
        return text_of(self.metadata, "reference")

    @property
    def is_held(self) -> bool:
        """The money is held and can be captured."""
        return self.status == "pending" and self.capturable


class Refund(msgspec.Struct):
    """A refund."""

    id: str
    amount: int
    currency: str
    charge: str = ""
    status: str = "closed"
    metadata: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """Our key, if the refund is ours."""
        return text_of(self.metadata, "reference")


def charge_fields(request: ChargeRequest) -> dict[str, Any]:
    """The body of a charge. Raises AmountNotExact and CurrencyUnknown."""
    account = request.account.fields
    notice = request.notice_url or ""
    fields: dict[str, Any] = {
        "amount": to_units(request.amount, provider=NAME),
        "currency": request.amount.currency.lower(),
        "description": request.description,
        "metadata": {"reference": request.provider_key},
        "webhook_endpoints": [notice] if notice.startswith("https://") else None,
    }
    if request.method == PaymentMethodCode.QR_CODE:
        soon = request.expires_at - request.now < MAX_CODE_LIFE
        return {
            **fields,
            "source": {"type": "promptpay"},
            "expires_at": rfc3339(request.expires_at) if soon else None,
        }
    partly = not request.capture and account.get("partial_capture") == "yes"
    return {
        **fields,
        "card": request.payment_token,
        "capture": request.capture,
        "authorization_type": "pre_auth" if partly else None,
        "return_uri": request.return_url or account.get("return_url"),
    }


def capture_fields(request: CaptureRequest) -> dict[str, Any]:
    """The body of a capture; only a part is named. Raises AmountNotExact."""
    whole = request.amount == request.charge.amount
    return {"capture_amount": None if whole else to_units(request.amount, provider=NAME)}


def refund_fields(request: RefundRequest) -> dict[str, Any]:
    """The body of a refund. Raises AmountNotExact."""
    return {
        "amount": to_units(request.amount, provider=NAME),
        "metadata": {
            "reference": request.operation_key,
            "charge_reference": request.charge.provider_key,
            "reason": request.reason[:500],
        },
    }


def read_charge(data: Any) -> Charge:
    """A charge. Raises Garbled."""
    charge = convert(data, Charge)
    _check_reference(charge.id)
    return charge


def read_refund(data: Any) -> Refund:
    """A refund. Raises Garbled."""
    refund = convert(data, Refund)
    _check_reference(refund.id)
    return refund


def charge_outcome(charge: Charge, *, request: ChargeRequest) -> Outcome:
    """What a charge's state means. An action that was shown before is nothing new. Raises Garbled."""
    match charge.status:
        case "successful":
            return Approved(payments=(payment_of(charge),))
        case "failed":
            return declined(charge)
        case "expired" | "reversed":
            return Voided()
        case "pending":
            return _waiting(charge, request)
    return Unknown(code=f"omise_{charge.status}"[:64], message="The charge is neither done nor refused.")


def capture_outcome(charge: Charge) -> OperationOutcome:
    """What a charge's state means for its only capture. Raises Garbled."""
    match charge.status:
        case "successful":
            payment = payment_of(charge)
            return Done(reference=payment.reference, amount=payment.amount, details=payment.details)
        case "pending" if charge.is_held:
            return NeverHeard()
        case "failed" | "expired" | "reversed":
            return Declined(code="authorization_released", message="The money is no longer held.")
    return Unknown(code=f"omise_{charge.status}"[:64], message="The charge is in another state.")


def refund_outcome(refund: Refund) -> OperationOutcome:
    """What a refund's state means. Raises Garbled."""
    match refund.status:
        case "closed":
            return Done(reference=refund.id, amount=money_of(refund.amount, refund.currency))
        case "pending":
            return Accepted(reference=refund.id)
        case "rejected" | "failed":
            message = "The payer's bank could not book the refund."
            return Reversed(reference=refund.id, code=f"refund_{refund.status}", message=message)
    return Unknown(code=f"omise_{refund.status}"[:64], message="The refund is neither done nor refused.")


def payment_of(charge: Charge) -> ProviderPayment:
    """The money that a charge took. Raises Garbled."""
    card = charge.card
    details = {"brand": card.brand, "last4": card.last_digits} if card else {}
    taken = charge.amount if charge.captured_amount is None else charge.captured_amount
    return ProviderPayment(
        reference=charge.id,
        amount=money_of(taken, charge.currency),
        paid_at=_instant(charge.paid_at),
        details=details,
    )


def money_of(units: int, currency: str) -> Money:
    """An amount in Omise's units. Raises Garbled unless it is positive and exact."""
    try:
        amount = from_units(units, currency.upper(), provider=NAME)
    except DomainError as error:
        raise Garbled(error.message) from None
    if amount.amount_minor <= 0:
        message = "money of nothing"
        raise Garbled(message)
    return amount


def declined(charge: Charge) -> Declined:
    """A refusal of the payment itself."""
    return Declined(
        code=(charge.failure_code or "declined")[:64],
        message=(charge.failure_message or "The payment was declined.")[:200],
    )


def text_of(fields: dict[str, Any], name: str) -> str:
    """A text among metadata, which anybody may have filled with anything."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _waiting(charge: Charge, request: ChargeRequest) -> Outcome:
    if charge.is_held:
        amount = money_of(charge.amount, charge.currency)
        return Authorized(reference=charge.id, amount=amount, expires_at=_instant(charge.expires_at))
    shown = _action(charge, request)
    if shown is None:
        return Unknown(code="omise_pending", message="The charge is still being processed.")
    if request.provider_reference:
        return Pending()
    return ActionRequired(next_action=shown, provider_reference=charge.id)


def _action(charge: Charge, request: ChargeRequest) -> dict[str, Any] | None:
    """What the customer has to do. Omise shows its code as a picture. Raises Garbled when there is none."""
    if charge.source is not None:
        match charge.source:
            case {"scannable_code": {"image": {"download_uri": str(address)}}}:
                until = _instant(charge.expires_at) or request.expires_at
                return display_image(address, until=until)
        message = "a code that cannot be shown"
        raise Garbled(message)
    return redirect_to_url(charge.authorize_uri) if charge.authorize_uri else None


def _instant(text: str | None) -> dt.datetime | None:
    try:
        instant = dt.datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)


def _check_reference(text: str) -> None:
    if not (0 < len(text) <= MAX_REFERENCE and text.isascii() and text.isprintable()):
        message = "an object without an id"
        raise Garbled(message)
