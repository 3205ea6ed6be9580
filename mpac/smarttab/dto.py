"""What crosses smarttab's border: the objects of the API, which device events carry as well, and who is calling.

Money is in minor units of the object's `currency`; instants are RFC 3339 texts, identifiers TypeIDs.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, UnsetType

from kernel.rest import Instant, View
from kernel.tenancy import TenantScope


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """On whose behalf a service acts: whose rows it sees, how history names the actor, which device it is."""

    scope: TenantScope
    actor: str
    device_id: uuid.UUID | None = None
    livemode: bool = False


class ModifierView(View):
    """An extra on one unit of a line."""

    name: str
    price: int
    quantity: int


class PortionView(View):
    """A discount or charge as it was asked for: an amount, or a share in basis points."""

    amount: int | None = None
    basis_points: int | None = None
    name: str = ""


class OrderItemView(View):
    """One line of an order or bill; `total` is after the line's own discount."""

    name: str
    sku: str | None
    product_id: str | None
    quantity: int
    unit_price: int
    tax_code: str | None
    modifiers: list[ModifierView]
    discount: PortionView | None
    discount_total: int
    total: int


class TaxView(View):
    """The tax inside everything on the order that bears one rate (parts per million)."""

    rate_ppm: int
    tax_codes: list[str]
    gross: int
    tax: int


class OrderView(View):
    """An order. Prices include tax; the server computed every total. Device events leave `items` out."""

    id: str
    created_at: Instant
    updated_at: Instant
    number: str
    business_date: str
    merchant_id: int
    store_id: int
    device_id: str | None
    status: str
    payment_state: str
    channel: str
    table: str | None
    customer_id: str | None
    client_reference: str | None
    currency: str
    discounts: list[PortionView]
    service_charge: PortionView | None
    subtotal: int
    discount_total: int
    service_charge_total: int
    tip: int
    tax_total: int
    taxes: list[TaxView]
    total: int
    amount_paid: int
    amount_refunded: int
    version: int
    items: list[OrderItemView] | UnsetType = UNSET
    object: str = "order"


class BillView(View):
    """A bill. `amount_due` is not paid yet, `amount_pending` of it is under way. Device events leave `lines` out."""

    id: str
    created_at: Instant
    updated_at: Instant
    number: str
    order_id: str
    merchant_id: int
    store_id: int
    status: str
    currency: str
    total: int
    amount_paid: int
    amount_pending: int
    amount_due: int
    closed_at: Instant | None
    voided_at: Instant | None
    version: int
    lines: list[OrderItemView] | UnsetType = UNSET
    object: str = "bill"


class FailureView(View):
    """Why a payment came to nothing."""

    code: str
    message: str


class PaymentView(View):
    """One tender on a bill. `next_action` says what the terminal has to do while the payment is processing."""

    id: str
    created_at: Instant
    updated_at: Instant
    bill_id: str
    order_id: str
    merchant_id: int
    store_id: int
    device_id: str | None
    method: str
    provider: str | None
    status: str
    amount: int
    amount_refunded: int
    currency: str
    tendered: int | None
    change: int | None
    payment_intent_id: str | None
    next_action: dict[str, Any] | None
    failure: FailureView | None
    livemode: bool
    completed_at: Instant | None
    version: int
    object: str = "payment"


class SaleView(View):
    """Order, bill and payment of one call; it bears the order's identity."""

    id: str
    created_at: Instant
    order: OrderView
    bill: BillView
    payment: PaymentView
    object: str = "sale"


class DeviceEventBody(View):
    """What happened; `data` is the object as it was right after."""

    id: str
    type: str
    created_at: Instant
    data: dict[str, Any]


class LoggedEvent(View):
    """An event with its place in the device's log."""

    seq: int
    event: DeviceEventBody


class DeviceEventPage(View):
    """A stretch of a device's log in ascending order. `after=<last seq>` reads on; `floor` is the oldest kept."""

    data: list[LoggedEvent]
    head: int
    floor: int
    next_cursor: str | None = None
