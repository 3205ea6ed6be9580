"""What happens at the gateway.

The aggregate is the payment intent; `status` is the intent's state after the event. A partner's webhook endpoint is one, too.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from kernel.events import Event


@dataclass(frozen=True, kw_only=True)
class IntentFact(Event, abstract=True):
    """What every event of an intent tells."""

    intent_id: str
    status: str
    amount_minor: int
    currency: str
    source: str
    reference: str | None = None
    method: str | None = None
    provider: str | None = None
    livemode: bool = False


@dataclass(frozen=True, kw_only=True)
class PaymentIntentCreated(IntentFact):
    """Somebody wants to take a sum."""

    type: ClassVar[str] = "pgw.payment_intent_created"


@dataclass(frozen=True, kw_only=True)
class PaymentIntentProcessing(IntentFact):
    """A provider is being asked; the outcome is open."""

    type: ClassVar[str] = "pgw.payment_intent_processing"


@dataclass(frozen=True, kw_only=True)
class PaymentIntentActionRequired(IntentFact):
    """The customer has to act, for example to scan a QR."""

    type: ClassVar[str] = "pgw.payment_intent_action_required"

    next_action: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PaymentIntentAmountCapturable(IntentFact):
    """Money is held and waits to be captured: at first, after a part was captured, or after a capture failed."""

    type: ClassVar[str] = "pgw.payment_intent_amount_capturable"

    amount_capturable_minor: int = 0
    captured_minor: int = 0
    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True, kw_only=True)
class PaymentIntentSucceeded(IntentFact):
    """The money is there; `late` when it came after the intent had ended without it."""

    type: ClassVar[str] = "pgw.payment_intent_succeeded"

    late: bool = False
    captured_minor: int = 0


@dataclass(frozen=True, kw_only=True)
class PaymentIntentFailed(IntentFact):
    """It was not paid and will not be tried again."""

    type: ClassVar[str] = "pgw.payment_intent_failed"

    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True, kw_only=True)
class PaymentIntentDeclined(IntentFact):
    """One try did not work; the intent waits for another."""

    type: ClassVar[str] = "pgw.payment_intent_declined"

    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True, kw_only=True)
class PaymentIntentCancelled(IntentFact):
    """It was called off with no money taken."""

    type: ClassVar[str] = "pgw.payment_intent_cancelled"


@dataclass(frozen=True, kw_only=True)
class PaymentIntentExpired(IntentFact):
    """Nobody paid in time."""

    type: ClassVar[str] = "pgw.payment_intent_expired"


@dataclass(frozen=True, kw_only=True)
class LatePaymentReceived(IntentFact):
    """Money came when the intent could no longer simply succeed. Its owner answers with accept or return."""

    type: ClassVar[str] = "pgw.late_payment_received"

    reason: str = ""
    received_minor: int = 0
    received_currency: str = ""
    provider_reference: str = ""
    decision: str = ""


@dataclass(frozen=True, kw_only=True)
class LatePaymentReturnDue(IntentFact):
    """Late money has to go back to its payer; a refund of it has been opened."""

    type: ClassVar[str] = "pgw.late_payment_return_due"

    reason: str = ""
    received_minor: int = 0
    received_currency: str = ""
    provider_reference: str = ""


@dataclass(frozen=True, kw_only=True)
class RefundFact(IntentFact, abstract=True):
    """What every event of a refund tells; the sums are the intent's after it. Never published itself.

    A `late` refund gives money back that its intent never counted.
    """

    refund_id: str
    refund_status: str
    refund_amount_minor: int
    refund_currency: str
    reason: str
    captured_minor: int
    refunded_minor: int
    manual: bool = False
    late: bool = False
    provider_reference: str | None = None
    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True, kw_only=True)
class RefundCreated(RefundFact):
    """Money is going back to its payer; its amount is reserved."""

    type: ClassVar[str] = "pgw.refund_created"


@dataclass(frozen=True, kw_only=True)
class RefundCompleted(RefundFact):
    """The payer has the money back."""

    type: ClassVar[str] = "pgw.refund_completed"


@dataclass(frozen=True, kw_only=True)
class RefundFailed(RefundFact):
    """The money was provably not given back; its amount is free again."""

    type: ClassVar[str] = "pgw.refund_failed"


@dataclass(frozen=True, kw_only=True)
class RefundCancelled(RefundFact):
    """A refund by hand was called off before anybody sent it."""

    type: ClassVar[str] = "pgw.refund_cancelled"


@dataclass(frozen=True, kw_only=True)
class RefundReversed(RefundFact):
    """The money came back, because the payer's bank could not book it."""

    type: ClassVar[str] = "pgw.refund_reversed"


@dataclass(frozen=True, kw_only=True)
class WebhookEndpointDisabled(Event):
    """We stopped calling a partner's endpoint. The partner's other endpoints and the console say so."""

    type: ClassVar[str] = "pgw.webhook_endpoint_disabled"

    endpoint_id: str
    url: str
    reason: str
    failing_since: datetime | None
    livemode: bool


@dataclass(frozen=True, kw_only=True)
class DisputeFact(IntentFact, abstract=True):
    """What every event of a dispute tells. Never published itself."""

    dispute_id: str
    dispute_status: str
    dispute_amount_minor: int
    dispute_currency: str
    reason: str
    provider_reference: str
    evidence_due_at: datetime | None = None
    withdrawn_minor: int = 0
    reinstated_minor: int = 0
    funds_currency: str | None = None


@dataclass(frozen=True, kw_only=True)
class DisputeOpened(DisputeFact):
    """The payer's bank takes a payment back; what speaks for it has to be told until `evidence_due_at`."""

    type: ClassVar[str] = "pgw.dispute_opened"


@dataclass(frozen=True, kw_only=True)
class DisputeUpdated(DisputeFact):
    """It is under review, its amount or the time for evidence has changed, or money was taken or given back."""

    type: ClassVar[str] = "pgw.dispute_updated"


@dataclass(frozen=True, kw_only=True)
class DisputeClosed(DisputeFact):
    """It is won or lost. What was won can still be lost, by a second chargeback."""

    type: ClassVar[str] = "pgw.dispute_closed"
