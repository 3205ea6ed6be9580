"""What the kept facts of a payment say about it. Derives; never decides that money moved."""

from dataclasses import dataclass

from mpac.smarttab.domain.states import PaymentState, PaymentStatus


@dataclass(frozen=True, kw_only=True)
class PaymentFacts:
    """All that is known of one payment, in minor units. Facts are added, never taken back.

    `refunded_minor` counts refunds that reached the payer, `disputed_minor` what is in dispute now.
    """

    amount_minor: int
    captured_minor: int = 0
    refunded_minor: int = 0
    disputed_minor: int = 0
    is_started: bool = False
    has_failed: bool = False
    is_cancelled: bool = False

    def __post_init__(self) -> None:
        """Refuse facts that cannot be true together."""
        if self.amount_minor <= 0:
            raise ValueError("a payment is for more than nothing")
        if not 0 <= self.captured_minor <= self.amount_minor:
            raise ValueError("captured lies between nothing and the amount")
        if not 0 <= self.refunded_minor <= self.captured_minor:
            raise ValueError("refunded lies between nothing and the captured")
        if not 0 <= self.disputed_minor <= self.captured_minor:
            raise ValueError("disputed lies between nothing and the captured")


def status_of(facts: PaymentFacts) -> PaymentStatus:
    """Reduce the facts to the one status they amount to. Captured money outweighs everything else."""
    if facts.captured_minor:
        return _captured_status(facts)
    if facts.is_cancelled:
        return PaymentStatus.CANCELLED
    if facts.has_failed:
        return PaymentStatus.FAILED
    return PaymentStatus.PROCESSING if facts.is_started else PaymentStatus.PENDING


def payment_state(*, total_minor: int, paid_minor: int, refunded_minor: int) -> PaymentState:
    """Say how far an order is paid. An order over nothing is paid from the start."""
    if paid_minor and refunded_minor >= paid_minor:
        return PaymentState.REFUNDED
    if refunded_minor:
        return PaymentState.PARTIALLY_REFUNDED
    if paid_minor >= total_minor:
        return PaymentState.PAID
    return PaymentState.PARTIALLY_PAID if paid_minor else PaymentState.UNPAID


def change_due(*, tendered_minor: int, amount_minor: int) -> int:
    """Return the change in minor units.

    Raises:
        ValueError: less was tendered than is to be paid.

    """
    if tendered_minor < amount_minor:
        raise ValueError("less was tendered than is to be paid")
    return tendered_minor - amount_minor


def _captured_status(facts: PaymentFacts) -> PaymentStatus:
    if facts.disputed_minor:
        return PaymentStatus.DISPUTED
    if facts.refunded_minor >= facts.captured_minor:
        return PaymentStatus.REFUNDED
    return PaymentStatus.PARTIALLY_REFUNDED if facts.refunded_minor else PaymentStatus.COMPLETED
