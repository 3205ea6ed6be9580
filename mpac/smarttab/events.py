"""What happens in smarttab and others may react to. Identifiers travel as TypeIDs, money in minor units."""

from dataclasses import dataclass
from typing import ClassVar

from kernel.events import Event


@dataclass(frozen=True, kw_only=True)
class OrderCreated(Event):
    """An order was taken up."""

    type: ClassVar[str] = "smarttab.order_created"

    order_id: str
    status: str
    currency: str
    total_minor: int


@dataclass(frozen=True, kw_only=True)
class OrderUpdated(Event):
    """An order changed: its contents, its status or how far it is paid."""

    type: ClassVar[str] = "smarttab.order_updated"

    order_id: str
    status: str
    payment_state: str
    currency: str
    total_minor: int


@dataclass(frozen=True, kw_only=True)
class BillUpdated(Event):
    """A bill was opened, paid into, closed or voided."""

    type: ClassVar[str] = "smarttab.bill_updated"

    bill_id: str
    order_id: str
    status: str
    currency: str
    total_minor: int
    paid_minor: int


@dataclass(frozen=True, kw_only=True)
class PaymentCompleted(Event):
    """The money of a payment is there."""

    type: ClassVar[str] = "smarttab.payment_completed"

    payment_id: str
    bill_id: str
    order_id: str
    method: str
    amount_minor: int
    currency: str
    payment_intent_id: str | None
    livemode: bool
    device_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaymentFailed(Event):
    """A payment came to nothing: refused, expired or called off; `status` says failed or cancelled."""

    type: ClassVar[str] = "smarttab.payment_failed"

    payment_id: str
    bill_id: str
    order_id: str
    method: str
    amount_minor: int
    currency: str
    payment_intent_id: str | None
    livemode: bool
    device_id: str | None = None
    status: str
    failure_code: str


@dataclass(frozen=True, kw_only=True)
class LatePaymentDecided(Event):
    """Money came after its payment had failed or was called off; `decision` is accepted or returned."""

    type: ClassVar[str] = "smarttab.late_payment_decided"

    payment_id: str
    payment_intent_id: str
    decision: str
    reason: str
