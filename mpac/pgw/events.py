"""What happens at the gateway. The aggregate is the payment intent; `status` is the intent's state after the event."""

from dataclasses import dataclass, field
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
class PaymentIntentSucceeded(IntentFact):
    """The money is there; `late` when it came after the intent had ended without it."""

    type: ClassVar[str] = "pgw.payment_intent_succeeded"

    late: bool = False


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
    """Late money has to go back to its payer; this provider has no refund call, so a person sends it."""

    type: ClassVar[str] = "pgw.late_payment_return_due"

    reason: str = ""
    received_minor: int = 0
    received_currency: str = ""
    provider_reference: str = ""
