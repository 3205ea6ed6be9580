"""PayPal's objects: what we send, what we accept as an answer. Strict about what matters, blind to the rest.

Our key of a charge stands in its order as `custom_id`; our key of a capture or a refund is its `invoice_id`, which PayPal
takes once.
"""

import datetime as dt
from typing import Any

import msgspec

from kernel.errors import DomainError
from kernel.money import Money
from mpac.pgw.adapters.http import Garbled, convert
from mpac.pgw.adapters.port import (
    Accepted,
    ActionRequired,
    Agreed,
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
    Unknown,
    Voided,
)
from mpac.pgw.domain.provider_amounts import from_text, to_text

NAME = "paypal"
MAX_REFERENCE, MAX_TEXT = 64, 127
# developer.paypal.com/api/rest/reference/currency-codes
CURRENCIES = frozenset(
    [
        "AUD",
        "BRL",
        "CAD",
        "CHF",
        "CNY",
        "CZK",
        "DKK",
        "EUR",
        "GBP",
        "HKD",
        "HUF",
        "ILS",
        "JPY",
        "MXN",
        "MYR",
        "NOK",
        "NZD",
        "PHP",
        "PLN",
        "SEK",
        "SGD",
        "THB",
        "TWD",
        "USD",
    ]
)
TAKEN = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
REFUSED = frozenset({"DECLINED", "FAILED"})
OPEN_HOLDS = frozenset({"CREATED", "PARTIALLY_CAPTURED"})
CLOSED_HOLDS = frozenset({"VOIDED", "EXPIRED"})
APPROVE_LINKS = ("payer-action", "approve")


class Amount(msgspec.Struct):
    """An amount in major units."""

    currency_code: str
    value: str


class Link(msgspec.Struct):
    """Where something more is."""

    href: str
    rel: str


class RelatedIds(msgspec.Struct):
    """What a movement belongs to."""

    order_id: str | None = None


class Supplement(msgspec.Struct):
    """The frame of the related ids."""

    related_ids: RelatedIds | None = None


class Movement(msgspec.Struct):
    """An authorization, a capture or a refund."""

    id: str
    status: str
    amount: Amount
    custom_id: str = ""
    invoice_id: str = ""
    create_time: str = ""
    expiration_time: str = ""
    supplementary_data: Supplement | None = None

    @property
    def order_id(self) -> str | None:
        """The order that the movement belongs to, if it says so."""
        related = self.supplementary_data.related_ids if self.supplementary_data else None
        return related.order_id if related else None


class Payments(msgspec.Struct):
    """What was done with an order."""

    authorizations: list[Movement] = []
    captures: list[Movement] = []
    refunds: list[Movement] = []


class Unit(msgspec.Struct):
    """The one purchase of an order."""

    custom_id: str = ""
    payments: Payments = msgspec.field(default_factory=Payments)


class Order(msgspec.Struct):
    """An order."""

    id: str
    status: str
    purchase_units: list[Unit] = []
    links: list[Link] = []

    @property
    def key(self) -> str:
        """Our key of the charge; some answers tell it only of what was done with the order."""
        said = [unit.custom_id for unit in self.purchase_units]
        said += [each.custom_id for each in (*self.done.authorizations, *self.done.captures)]
        return next(filter(None, said), "")

    @property
    def done(self) -> Payments:
        """What was done with it."""
        return self.purchase_units[0].payments if self.purchase_units else Payments()

    @property
    def hold(self) -> Movement | None:
        """The authorization that stands for it."""
        return self.done.authorizations[-1] if self.done.authorizations else None

    def capture_of(self, operation_key: str) -> Movement | None:
        """The capture that was made under our key."""
        return next((each for each in self.done.captures if each.invoice_id == operation_key), None)

    def refund_of(self, operation_key: str) -> Movement | None:
        """The refund that was made under our key."""
        return next((each for each in self.done.refunds if each.invoice_id == operation_key), None)


class _Issue(msgspec.Struct):
    issue: str = ""
    description: str = ""


class Error(msgspec.Struct):
    """Why a call was refused. The issue in its details says more than its name."""

    name: str = "unknown"
    message: str = ""
    details: list[_Issue] = []

    @property
    def code(self) -> str:
        """The most telling code."""
        return (next((each.issue for each in self.details if each.issue), "") or self.name)[:64]

    @property
    def text(self) -> str:
        """For people."""
        told = next((each.description for each in self.details if each.description), "")
        return (told or self.message or "The provider refused.")[:200]


def order_fields(request: ChargeRequest) -> dict[str, Any]:
    """The body of the call that makes an order. Raises AmountNotExact and CurrencyUnknown."""
    back = request.return_url or request.account.fields.get("return_url", "")
    context = {
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
        "return_url": back,
        "cancel_url": request.account.fields.get("cancel_url") or back,
    }
    unit = {
        "custom_id": request.provider_key,
        "invoice_id": request.provider_key,
        "description": (request.description or "")[:MAX_TEXT],
        "amount": amount_fields(request.amount),
    }
    return {
        "intent": "CAPTURE" if request.capture else "AUTHORIZE",
        "purchase_units": [_filled(unit)],
        "payment_source": {"paypal": {"experience_context": _filled(context)}},
    }


def capture_fields(request: CaptureRequest) -> dict[str, Any]:
    """The body of a capture. Raises AmountNotExact."""
    return {
        "amount": amount_fields(request.amount),
        "final_capture": request.final,
        "invoice_id": request.operation_key,
    }


def refund_fields(request: RefundRequest) -> dict[str, Any]:
    """The body of a refund. Raises AmountNotExact."""
    return {
        "amount": amount_fields(request.amount),
        "custom_id": request.charge.provider_key,
        "invoice_id": request.operation_key,
    }


def amount_fields(amount: Money) -> dict[str, str]:
    """An amount as PayPal writes it. Raises AmountNotExact."""
    return {"currency_code": amount.currency, "value": to_text(amount, provider=NAME)}


def read_order(data: Any) -> Order:
    """An order. Raises Garbled."""
    order = convert(data, Order)
    _check_reference(order.id)
    return order


def read_movement(data: Any) -> Movement:
    """An authorization, a capture or a refund. Raises Garbled."""
    movement = convert(data, Movement)
    _check_reference(movement.id)
    return movement


def read_error(data: dict[str, Any]) -> Error:
    """The error in a refusal. Raises Garbled."""
    return convert(data, Error)


def order_outcome(order: Order, *, request: ChargeRequest) -> Outcome:
    """What an order's state means for our charge. A link that was shown before is nothing new. Raises Garbled."""
    if order.key not in {"", request.provider_key}:
        message = "the order is not this charge's"
        raise Garbled(message)
    moved = _capture_outcome(order.done.captures)
    if isinstance(moved, Approved | Unknown):
        return moved
    if order.hold is not None:
        return _hold_outcome(order, order.hold)
    return moved or _waiting_outcome(order, request)


def capture_outcome(capture: Movement) -> OperationOutcome:
    """What a capture's state means. Raises Garbled."""
    if capture.status in TAKEN:
        return Done(reference=capture.id, amount=money_of(capture.amount))
    if capture.status in REFUSED:
        return Declined(code=f"capture_{capture.status.lower()}", message="The capture was refused.")
    return Accepted(reference=capture.id)


def missing_capture(order: Order) -> OperationOutcome:
    """What it means that an order has no capture under our key."""
    if order.hold is None or order.hold.status in OPEN_HOLDS:
        return NeverHeard()
    return Declined(code="authorization_released", message="The money is no longer held.")


def refund_outcome(refund: Movement) -> OperationOutcome:
    """What a refund's state means. Raises Garbled."""
    match refund.status:
        case "COMPLETED":
            return Done(reference=refund.id, amount=money_of(refund.amount))
        case "PENDING":
            return Accepted(reference=refund.id)
        case "FAILED" | "CANCELLED":
            return Declined(
                code=f"refund_{refund.status.lower()}", message="The refund could not be carried out."
            )
    return Unknown(code=f"paypal_{refund.status}"[:64], message="The refund is neither done nor refused.")


def payment_of(capture: Movement) -> ProviderPayment:
    """The money that a capture took. Raises Garbled."""
    return ProviderPayment(
        reference=capture.id, amount=money_of(capture.amount), paid_at=instant(capture.create_time)
    )


def money_of(amount: Amount) -> Money:
    """An amount that PayPal tells. Raises Garbled unless it is positive and exact."""
    try:
        money = from_text(amount.value, amount.currency_code, provider=NAME)
    except DomainError as error:
        raise Garbled(error.message) from None
    if money.amount_minor <= 0:
        message = "money of nothing"
        raise Garbled(message)
    return money


def instant(text: str) -> dt.datetime | None:
    """A time as PayPal writes it, or None."""
    try:
        read = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else None


def _capture_outcome(captures: list[Movement]) -> Outcome | None:
    """What the captures of an order mean; None where there are none. Raises Garbled."""
    if taken := tuple(payment_of(each) for each in captures if each.status in TAKEN):
        return Approved(payments=taken)
    if any(each.status not in REFUSED for each in captures):
        return Unknown(code="paypal_capture_pending", message="The provider still works on the payment.")
    return Declined(code="payment_refused", message="The payment was refused.") if captures else None


def _waiting_outcome(order: Order, request: ChargeRequest) -> Outcome:
    """What the state of an order means with which nothing was done. Raises Garbled when nobody could approve it."""
    match order.status:
        case "APPROVED":
            return Agreed()
        case "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED":
            return Pending() if request.provider_reference else _action(order)
        case "VOIDED":
            return Voided()
    return Unknown(code=f"paypal_{order.status}"[:64], message="The order is neither done nor refused.")


def _hold_outcome(order: Order, hold: Movement) -> Outcome:
    """What the state of a hold that nothing was taken from means. Raises Garbled."""
    if hold.status in OPEN_HOLDS:
        return Authorized(
            reference=order.id, amount=money_of(hold.amount), expires_at=instant(hold.expiration_time)
        )
    if hold.status in CLOSED_HOLDS:
        return Voided()
    if hold.status == "DENIED":
        return Declined(code="authorization_denied", message="The payment was refused.")
    return Unknown(code=f"paypal_{hold.status}"[:64], message="The provider still works on the payment.")


def _action(order: Order) -> Outcome:
    """Where the customer goes to agree. Raises Garbled when there is no such place."""
    links = {link.rel: link.href for link in order.links}
    url = next((links[rel] for rel in APPROVE_LINKS if rel in links), None)
    if not url:
        message = "an order that nobody can approve"
        raise Garbled(message)
    shown = {"type": "redirect_to_url", "url": url}
    return ActionRequired(next_action=shown, provider_reference=order.id)


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _check_reference(text: str) -> None:
    """Ids go into addresses, so they are letters and digits. Raises Garbled."""
    if not 0 < len(text) <= MAX_REFERENCE or not text.isascii() or not text.replace("-", "").isalnum():
        message = "an object without an id"
        raise Garbled(message)
