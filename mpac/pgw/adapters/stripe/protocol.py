"""Stripe's objects: what we send, what we accept as an answer. Strict about what matters, blind to the rest."""

import datetime as dt
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
from mpac.pgw.domain.next_actions import display_qr, redirect_to_url
from mpac.pgw.domain.provider_amounts import from_units, to_units

NAME = "stripe"
MAX_REFERENCE = 64
EXPANDED = "latest_charge"
# The currencies that Stripe charges cards in and that ISO 4217 counts.
_CURRENCIES = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY COP CRC
    CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD JOD JPY
    KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO
    NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TND
    TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW
"""
CURRENCIES = frozenset(_CURRENCIES.split())
_WITHOUT_MONEY: dict[str, Outcome] = {
    "requires_payment_method": Pending(),
    "requires_confirmation": Pending(),
    "canceled": Voided(),
}


class Error(msgspec.Struct):
    """Why a call was refused, or a payment failed."""

    type: str = "unknown"
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    payment_intent: dict[str, Any] | None = None

    @property
    def reason(self) -> str:
        """The most telling code."""
        return (self.decline_code or self.code or self.type)[:64]

    @property
    def text(self) -> str:
        """For people."""
        return (self.message or "The provider refused.")[:200]


class Intent(msgspec.Struct):
    """A payment intent."""

    id: str
    status: str
    amount: int
    currency: str
    created: int = 0
    amount_received: int = 0
    amount_capturable: int = 0
    metadata: dict[str, str] = {}
    next_action: dict[str, Any] | None = None
    client_secret: str | None = None
    last_payment_error: Error | None = None
    latest_charge: Any = None


class Refund(msgspec.Struct):
    """A refund."""

    id: str
    status: str
    amount: int
    currency: str
    payment_intent: str | None = None
    metadata: dict[str, str] = {}
    failure_reason: str | None = None
    failure_balance_transaction: str | None = None


def intent_fields(request: ChargeRequest) -> dict[str, Any]:
    """The body of the call that makes a payment intent and confirms it. Raises AmountNotExact and CurrencyUnknown."""
    fields: dict[str, Any] = {
        "amount": to_units(request.amount, provider=NAME),
        "currency": request.amount.currency.lower(),
        "confirm": True,
        "description": request.description,
        "metadata": {"reference": request.provider_key},
        "expand": [EXPANDED],
        "return_url": request.return_url or request.account.fields.get("return_url"),
    }
    if request.method == PaymentMethodCode.QR_CODE:
        email = request.account.fields.get("billing_email", "")
        data = {"type": "promptpay", "billing_details": {"email": email}}
        return {**fields, "payment_method_types": ["promptpay"], "payment_method_data": data}
    return {
        **fields,
        "capture_method": "automatic" if request.capture else "manual",
        "payment_method_types": ["card"],
        **_card(request.payment_token or ""),
    }


def capture_fields(request: CaptureRequest) -> dict[str, Any]:
    """The body of a capture; what is not captured is let go. Raises AmountNotExact."""
    return {"amount_to_capture": to_units(request.amount, provider=NAME), "expand": [EXPANDED]}


def refund_fields(request: RefundRequest) -> dict[str, Any]:
    """The body of a refund. Raises AmountNotExact."""
    return {
        "payment_intent": request.payment_reference,
        "amount": to_units(request.amount, provider=NAME),
        "metadata": {
            "reference": request.operation_key,
            "charge_reference": request.charge.provider_key,
            "reason": request.reason[:500],
        },
    }


def read_intent(data: Any) -> Intent:
    """A payment intent. Raises Garbled."""
    intent = convert(data, Intent)
    if not _is_reference(intent.id):
        message = "a payment intent without an id"
        raise Garbled(message)
    return intent


def read_refund(data: Any) -> Refund:
    """A refund. Raises Garbled."""
    refund = convert(data, Refund)
    if not _is_reference(refund.id):
        message = "a refund without an id"
        raise Garbled(message)
    return refund


def read_error(data: dict[str, Any]) -> Error:
    """The error in a refusal. Raises Garbled."""
    return convert(data.get("error"), Error)


def charge_outcome(intent: Intent, *, request: ChargeRequest) -> Outcome:
    """What a payment intent's state means. An action that was shown before is nothing new. Raises Garbled."""
    match intent.status:
        case "succeeded":
            return Approved(payments=(payment_of(intent),))
        case "requires_capture":
            amount = money_of(intent.amount_capturable, intent.currency)
            return Authorized(reference=intent.id, amount=amount, expires_at=_capture_before(intent))
        case "requires_action":
            return Pending() if request.provider_reference else _action(intent, request)
        case "requires_payment_method" if intent.last_payment_error:
            return declined(intent.last_payment_error)
    doubt = Unknown(code=f"stripe_{intent.status}"[:64], message="The payment is neither done nor refused.")
    return _WITHOUT_MONEY.get(intent.status, doubt)


def capture_outcome(intent: Intent) -> OperationOutcome:
    """What a payment intent's state means for its only capture. Raises Garbled."""
    match intent.status:
        case "succeeded":
            payment = payment_of(intent)
            return Done(reference=payment.reference, amount=payment.amount, details=payment.details)
        case "requires_capture":
            return NeverHeard()
        case "canceled":
            return Declined(code="authorization_released", message="The money is no longer held.")
    return Unknown(code=f"stripe_{intent.status}"[:64], message="The payment is in another state.")


def refund_outcome(refund: Refund) -> OperationOutcome:
    """What a refund's state means. One that failed after it had left the balance has come back. Raises Garbled."""
    match refund.status:
        case "succeeded":
            return Done(reference=refund.id, amount=money_of(refund.amount, refund.currency))
        case "pending" | "requires_action":
            return Accepted(reference=refund.id)
        case "failed" | "canceled":
            code, message = (
                refund.failure_reason or refund.status,
                "The payer's bank could not book the refund.",
            )
            if refund.failure_balance_transaction:
                return Reversed(reference=refund.id, code=code, message=message)
            return Declined(code=code, message=message)
    return Unknown(code=f"stripe_{refund.status}"[:64], message="The refund is neither done nor refused.")


def payment_of(intent: Intent) -> ProviderPayment:
    """The money that a payment intent received. Raises Garbled."""
    charge = intent.latest_charge if isinstance(intent.latest_charge, dict) else {}
    return ProviderPayment(
        reference=intent.id,
        amount=money_of(intent.amount_received, intent.currency),
        paid_at=_instant(charge.get("created")),
        details=_card_details(charge),
    )


def money_of(units: int, currency: str) -> Money:
    """An amount in Stripe's units. Raises Garbled unless it is positive and exact."""
    try:
        amount = from_units(units, currency.upper(), provider=NAME)
    except DomainError as error:
        raise Garbled(error.message) from None
    if amount.amount_minor <= 0:
        message = "money of nothing"
        raise Garbled(message)
    return amount


def declined(error: Error) -> Declined:
    """A refusal of the payment itself."""
    return Declined(code=error.reason, message=error.text)


def _card(token: str) -> dict[str, Any]:
    """A saved payment method, or a one-time token of a card."""
    if token.startswith("tok_"):
        return {"payment_method_data": {"type": "card", "card": {"token": token}}}
    return {"payment_method": token}


def _action(intent: Intent, request: ChargeRequest) -> Outcome:
    """What the customer has to do. Raises Garbled when it cannot be shown."""
    action = intent.next_action or {}
    kind = action.get("type")
    content: Any = action.get(kind) if isinstance(kind, str) else None
    shown: dict[str, Any]
    match kind, content:
        case "promptpay_display_qr_code", {"data": str(payload)}:
            shown = display_qr(payload, until=request.expires_at)
        case "redirect_to_url", {"url": str(url)}:
            shown = redirect_to_url(url)
        case "use_stripe_sdk", dict():
            shown = {"type": "use_provider_sdk", "provider": NAME, "client_secret": intent.client_secret}
        case _:
            message = "an action that nobody can take"
            raise Garbled(message)
    return ActionRequired(next_action=shown, provider_reference=intent.id)


def _capture_before(intent: Intent) -> dt.datetime | None:
    charge = intent.latest_charge if isinstance(intent.latest_charge, dict) else {}
    return _instant(_card_part(charge).get("capture_before"))


def _card_details(charge: dict[str, Any]) -> dict[str, Any]:
    card = _card_part(charge)
    return {name: card[name] for name in ("brand", "last4") if isinstance(card.get(name), str)}


def _card_part(charge: dict[str, Any]) -> dict[str, Any]:
    details = charge.get("payment_method_details")
    card = details.get("card") if isinstance(details, dict) else None
    return card if isinstance(card, dict) else {}


def _instant(epoch: object) -> dt.datetime | None:
    if type(epoch) is not int or not 0 < epoch < 10**11:
        return None
    return dt.datetime.fromtimestamp(epoch, dt.UTC)


def _is_reference(text: str) -> bool:
    return 0 < len(text) <= MAX_REFERENCE and text.isascii() and text.isprintable()
