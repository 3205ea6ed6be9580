"""The states of orders, bills and payments, and which step leads where.

These tables are the source of the CHECK constraints, of the database's transition triggers, of the diagrams
in the README and of the n x n tests. They hold no behaviour: who may take a step is decided by the services.
"""

from collections.abc import Mapping
from enum import StrEnum


class OrderStatus(StrEnum):
    """The kitchen's view of an order. Money is the other axis: see `PaymentState`."""

    DRAFT = "draft"  # being put together; nobody prepares it yet
    OPEN = "open"  # submitted
    PREPARING = "preparing"  # somebody works on it
    READY = "ready"  # waits for the guest or the waiter
    COMPLETED = "completed"  # handed over; final
    CANCELLED = "cancelled"  # will not be made; final


class BillStatus(StrEnum):
    """What is asked of the guest."""

    OPEN = "open"  # something may still be paid
    CLOSED = "closed"  # paid in full; final
    VOIDED = "voided"  # withdrawn before any money came; final


class PaymentStatus(StrEnum):
    """One tender on a bill, always what `domain.payments.status_of` says of the kept facts."""

    PENDING = "pending"  # recorded, nobody asked for the money yet
    PROCESSING = "processing"  # asked for; the outcome is not known
    COMPLETED = "completed"  # the money is there
    FAILED = "failed"  # provably no money; final but for money that arrives late
    CANCELLED = "cancelled"  # called off before any money came; final but for money that arrives late
    PARTIALLY_REFUNDED = "partially_refunded"  # some of it was given back
    REFUNDED = "refunded"  # all of it was given back
    DISPUTED = "disputed"  # the payer's bank took it back or asks for it


class PaymentState(StrEnum):
    """How far an order is paid. Derived, never stored."""

    UNPAID = "unpaid"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class PaymentMethod(StrEnum):
    """How the guest pays."""

    CASH = "cash"
    CREDIT_CARD = "credit_card"
    QR_CODE = "qr_code"
    E_WALLET = "e_wallet"


class Channel(StrEnum):
    """Where the guest takes what was ordered."""

    DINE_IN = "dine_in"
    TAKE_AWAY = "take_away"
    DELIVERY = "delivery"


class LateDecision(StrEnum):
    """What became of money that arrived after its payment had failed or was called off."""

    ACCEPTED = "accepted"  # the bill was still due
    RETURNED = "returned"  # nothing was due any more


ORDER_TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.DRAFT: frozenset({OrderStatus.OPEN, OrderStatus.CANCELLED}),
    OrderStatus.OPEN: frozenset(
        {OrderStatus.PREPARING, OrderStatus.READY, OrderStatus.COMPLETED, OrderStatus.CANCELLED}
    ),
    OrderStatus.PREPARING: frozenset({OrderStatus.READY, OrderStatus.COMPLETED, OrderStatus.CANCELLED}),
    OrderStatus.READY: frozenset({OrderStatus.COMPLETED, OrderStatus.CANCELLED}),
    OrderStatus.COMPLETED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
}

BILL_TRANSITIONS: Mapping[BillStatus, frozenset[BillStatus]] = {
    BillStatus.OPEN: frozenset({BillStatus.CLOSED, BillStatus.VOIDED}),
    BillStatus.CLOSED: frozenset(),
    BillStatus.VOIDED: frozenset(),
}

_CAPTURED = frozenset(
    {
        PaymentStatus.COMPLETED,
        PaymentStatus.PARTIALLY_REFUNDED,
        PaymentStatus.REFUNDED,
        PaymentStatus.DISPUTED,
    }
)

PAYMENT_TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    PaymentStatus.PENDING: frozenset(
        {PaymentStatus.PROCESSING, PaymentStatus.COMPLETED, PaymentStatus.FAILED, PaymentStatus.CANCELLED}
    ),
    PaymentStatus.PROCESSING: frozenset(
        {PaymentStatus.COMPLETED, PaymentStatus.FAILED, PaymentStatus.CANCELLED}
    ),
    # Money that arrives late is a fact, whatever was believed before.
    PaymentStatus.FAILED: frozenset({PaymentStatus.COMPLETED}),
    PaymentStatus.CANCELLED: frozenset({PaymentStatus.COMPLETED}),
    # Refunds are reversed and disputes are won: among the captured states every step is possible,
    # and none leads out of them.
    PaymentStatus.COMPLETED: _CAPTURED - {PaymentStatus.COMPLETED},
    PaymentStatus.PARTIALLY_REFUNDED: _CAPTURED - {PaymentStatus.PARTIALLY_REFUNDED},
    PaymentStatus.REFUNDED: _CAPTURED - {PaymentStatus.REFUNDED},
    PaymentStatus.DISPUTED: _CAPTURED - {PaymentStatus.DISPUTED},
}

CAPTURED_STATUSES = _CAPTURED
OPEN_PAYMENT_STATUSES = frozenset({PaymentStatus.PENDING, PaymentStatus.PROCESSING})


def allowed_from(transitions: Mapping[StrEnum, frozenset[StrEnum]], status: StrEnum) -> list[str]:
    """List the states that can follow `status`, sorted, as an error answer shows them."""
    return sorted(step.value for step in transitions[status])
