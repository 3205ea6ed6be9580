"""Adyen's messages: what we send, what we accept as an answer. Strict about what matters, blind to the rest."""

import re
from typing import Any

import msgspec

from kernel.errors import DomainError
from kernel.money import Money
from mpac.pgw.adapters.http import Garbled, convert
from mpac.pgw.adapters.port import (
    Accepted,
    Approved,
    Authorized,
    CaptureRequest,
    ChargeRequest,
    Declined,
    Outcome,
    Pending,
    ProviderPayment,
    RefundRequest,
    Unknown,
)
from mpac.pgw.domain.provider_amounts import from_units, to_units

NAME = "adyen"
MAX_REFERENCE = 64
# The reference of a charge that is to be held. Nothing else that a notice's signature covers says whether money was taken
# by an authorization or only held.
HOLD_SUFFIX = "-hold"
_CURRENCIES = """
    AED AUD BGN BHD BRL CAD CHF CLP CNY COP CVE CZK DKK EUR GBP HKD HUF IDR ILS INR ISK JOD JPY KRW KWD MOP MXN MYR NOK
    NZD OMR PEN PHP PLN QAR RON SAR SEK SGD THB TND TRY TWD UAH USD VND ZAR
"""
CURRENCIES = frozenset(_CURRENCIES.split())
# A saved card, or what the card form encrypted: never a card's number.
_TOKEN_FIELDS = frozenset(
    {
        "brand",
        "encryptedCardNumber",
        "encryptedExpiryMonth",
        "encryptedExpiryYear",
        "encryptedSecurityCode",
        "holderName",
        "type",
    }
)
# A shop's name of a customer and of a card; what the form encrypted is a JSON object.
SAVED_CARD = re.compile(r"[^{/]+/.+")
_REFUSED = frozenset({"Refused", "Cancelled", "Error"})
# The card's holder would have to act first, which we told the provider not to ask for: nothing was taken.
_CHALLENGED = frozenset({"ChallengeShopper", "IdentifyShopper", "RedirectShopper"})
_ON_ITS_WAY = frozenset({"Pending", "Received"})


class TokenMalformed(ValueError):
    """A payment token is neither a saved card nor an encrypted one."""


class Amount(msgspec.Struct):
    """An amount in Adyen's units."""

    value: int
    currency: str


class Payment(msgspec.Struct, rename="camel"):
    """The answer to a charge."""

    result_code: str
    psp_reference: str = ""
    refusal_reason: str = ""
    refusal_reason_code: str = ""
    amount: Amount | None = None


class Modification(msgspec.Struct, rename="camel"):
    """The answer to a capture, a cancellation or a refund: taken up, and nothing more."""

    psp_reference: str
    status: str


class Error(msgspec.Struct, rename="camel"):
    """Why a call was refused."""

    error_code: str = "unknown"
    message: str = "The provider refused."

    @property
    def reason(self) -> str:
        """A code that fits where codes are kept."""
        return f"adyen_{self.error_code}"[:64]


def payment_fields(request: ChargeRequest) -> dict[str, Any]:
    """The body of a charge. Raises AmountNotExact, CurrencyUnknown and TokenMalformed."""
    fields = {
        "merchantAccount": request.account.fields["merchant_account"],
        "reference": charge_reference(request),
        "amount": amount_fields(request.amount),
        "returnUrl": request.return_url or request.account.fields["return_url"],
        "authenticationData": {"attemptAuthentication": "never"},
        **_method(request.payment_token or ""),
    }
    if request.capture:
        return {**fields, "captureDelayHours": 0}
    return {**fields, "additionalData": {"manualCapture": "true"}}


def modification_fields(request: CaptureRequest | RefundRequest, *, reference: str) -> dict[str, Any]:
    """The body of a capture or refund. Raises AmountNotExact."""
    return {
        "merchantAccount": request.charge.account.fields["merchant_account"],
        "amount": amount_fields(request.amount),
        "reference": reference,
    }


def cancellation_fields(request: ChargeRequest) -> dict[str, Any]:
    """The body of a cancellation; a payment whose reference at Adyen is not known is named by ours."""
    ours = charge_reference(request)
    fields = {"merchantAccount": request.account.fields["merchant_account"], "reference": ours}
    return fields if request.provider_reference else {**fields, "paymentReference": ours}


def charge_reference(request: ChargeRequest) -> str:
    """Our key, and whether the money is to be held."""
    return request.provider_key if request.capture else request.provider_key + HOLD_SUFFIX


def amount_fields(amount: Money) -> dict[str, Any]:
    """An amount as Adyen takes it. Raises AmountNotExact."""
    return {"value": to_units(amount, provider=NAME), "currency": amount.currency}


def charge_outcome(data: dict[str, Any], *, request: ChargeRequest) -> Outcome:
    """What the answer to a charge means. Raises Garbled."""
    payment = convert(data, Payment)
    if payment.result_code != "Authorised":
        return _without_money(payment)
    reference = checked_reference(payment.psp_reference)
    amount = money_of(payment.amount) if payment.amount else request.amount
    if request.capture:
        return Approved(payments=(ProviderPayment(reference=reference, amount=amount),))
    return Authorized(reference=reference, amount=amount)


def _without_money(payment: Payment) -> Outcome:
    if payment.result_code in _REFUSED:
        code = f"adyen_{payment.refusal_reason_code or payment.result_code}"[:64]
        return Declined(code=code, message=(payment.refusal_reason or "The provider refused.")[:200])
    if payment.result_code in _CHALLENGED:
        return Declined(code="authentication_required", message="The card's holder would have to act.")
    if payment.result_code in _ON_ITS_WAY:
        return Pending()
    code = f"adyen_{payment.result_code}"[:64]
    return Unknown(code=code, message="The payment is neither done nor refused.")


def accepted(data: dict[str, Any]) -> Accepted:
    """A capture, cancellation or refund that was taken up. Raises Garbled."""
    modification = convert(data, Modification)
    if modification.status != "received":
        message = "a modification in another state"
        raise Garbled(message)
    return Accepted(reference=checked_reference(modification.psp_reference))


def read_error(data: dict[str, Any]) -> Error:
    """The error in a refusal. Raises Garbled."""
    return convert(data, Error)


def money_of(amount: Amount) -> Money:
    """An amount in Adyen's units. Raises Garbled unless it is positive and exact."""
    try:
        money = from_units(amount.value, amount.currency, provider=NAME)
    except DomainError as error:
        raise Garbled(error.message) from None
    if money.amount_minor <= 0:
        message = "money of nothing"
        raise Garbled(message)
    return money


def checked_reference(text: str) -> str:
    """A reference of the provider's that can be kept and put into an address. Raises Garbled."""
    if not (0 < len(text) <= MAX_REFERENCE and text.isascii() and text.isalnum()):
        message = "a payment without a reference"
        raise Garbled(message)
    return text


def _method(token: str) -> dict[str, Any]:
    """A saved card, `shopper/token`, or the object that Adyen's card form encrypted. Raises TokenMalformed."""
    if SAVED_CARD.fullmatch(token):
        shopper, _, saved = token.partition("/")
        return {
            "paymentMethod": {"type": "scheme", "storedPaymentMethodId": saved},
            "shopperReference": shopper,
            "shopperInteraction": "ContAuth",
            "recurringProcessingModel": "UnscheduledCardOnFile",
        }
    try:
        encrypted = msgspec.json.decode(token, type=dict[str, str])
    except (msgspec.DecodeError, RecursionError):
        raise TokenMalformed from None
    if not set(encrypted) <= _TOKEN_FIELDS or "encryptedCardNumber" not in encrypted:
        raise TokenMalformed
    return {"paymentMethod": {**encrypted, "type": "scheme"}, "shopperInteraction": "Ecommerce"}
