"""What callers get: intents, attempts and history as the API shows them."""

import datetime as dt
from typing import Annotated, Any

import msgspec

from kernel.ids import encode
from kernel.rest import View
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.next_actions import DESCRIPTION
from mpac.pgw.models import Capture, IntentEvent, PaymentAttempt, PaymentIntent, Refund
from mpac.pgw.rest.authentication import client_secret
from mpac.pgw.selectors.intents import last_error


class IntentView(View, kw_only=True):
    """A payment intent; amounts in minor units of its currency."""

    id: str
    object: str = "payment_intent"
    created_at: dt.datetime
    status: str
    amount: int
    amount_capturable: int
    amount_received: int
    amount_refunded: int
    currency: str
    method: str | None
    provider: str | None
    capture_method: str
    merchant_id: int
    store_id: int
    next_action: Annotated[dict[str, Any] | None, msgspec.Meta(description=DESCRIPTION)]
    last_error: dict[str, str] | None
    reference: str | None
    description: str | None
    return_url: str | None
    metadata: dict[str, str]
    livemode: bool
    expires_at: dt.datetime
    cancel_requested_at: dt.datetime | None
    capture_before: dt.datetime | None
    client_secret: str | msgspec.UnsetType = msgspec.UNSET


class AttemptView(View, kw_only=True):
    """One charge at one provider."""

    id: str
    object: str = "payment_attempt"
    created_at: dt.datetime
    payment_intent_id: str
    number: int
    status: str
    provider: str
    provider_key: str
    provider_reference: str | None
    amount: int
    currency: str
    last_error: dict[str, str] | None
    next_probe_at: dt.datetime | None


class CaptureView(View, kw_only=True):
    """Held money taken, all of it or a part."""

    id: str
    object: str = "capture"
    created_at: dt.datetime
    payment_intent_id: str
    status: str
    amount: int
    currency: str
    final: bool
    provider: str
    provider_reference: str | None
    last_error: dict[str, str] | None
    livemode: bool


class RefundView(View, kw_only=True):
    """Money on its way back to its payer. A `late` refund returns money that its intent never counted."""

    id: str
    object: str = "refund"
    created_at: dt.datetime
    payment_intent_id: str
    status: str
    amount: int
    currency: str
    reason: str
    provider: str
    provider_reference: str | None
    manual: bool
    late: bool
    retry_of: str | None
    last_error: dict[str, str] | None
    livemode: bool


class IntentEventView(View, kw_only=True):
    """One step of an intent, or of an attempt, a capture or a refund of it."""

    id: str
    object: str = "payment_intent_event"
    created_at: dt.datetime
    payment_intent_id: str
    attempt_id: str | None
    capture_id: str | None
    refund_id: str | None
    sequence: int
    from_status: str | None
    to_status: str
    actor: str
    reason: str


class SyncItemView(View, kw_only=True):
    """What became of one row."""

    kind: str
    id: str
    version: int
    result: str
    reason: str


class SyncView(View, kw_only=True):
    """What became of a push."""

    synced_merchants: int
    synced_stores: int
    synced_provider_configs: int
    results: list[SyncItemView]


def intent_view(intent: PaymentIntent) -> IntentView:
    """An intent without its client secret: this form may be stored."""
    return IntentView(
        id=encode("pi", intent.pk),
        created_at=intent.created_at,
        status=str(intent.status),
        amount=intent.amount_minor,
        amount_capturable=_capturable(intent),
        amount_received=intent.captured_minor,
        amount_refunded=intent.refunded_minor,
        currency=intent.currency,
        method=intent.method,
        provider=intent.provider,
        capture_method=str(intent.capture_method),
        merchant_id=intent.merchant_id,
        store_id=intent.store_id,
        next_action=intent.next_action if intent.status == IntentStatus.REQUIRES_ACTION else None,
        last_error=last_error(intent),
        reference=intent.reference,
        description=intent.description,
        return_url=intent.return_url,
        metadata=intent.metadata,
        livemode=intent.livemode,
        expires_at=intent.expires_at,
        cancel_requested_at=intent.cancel_requested_at,
        capture_before=intent.capture_before,
    )


def _capturable(intent: PaymentIntent) -> int:
    """What may be captured now: held, not captured, and not on its way."""
    if intent.status != IntentStatus.REQUIRES_CAPTURE:
        return 0
    return int(intent.authorized_minor - intent.captured_minor)


def secret_intent_view(intent: PaymentIntent) -> IntentView:
    """An intent with its client secret: this form is only ever sent."""
    view = intent_view(intent)
    view.client_secret = client_secret(intent.pk)
    return view


def attempt_view(attempt: PaymentAttempt) -> AttemptView:
    """An attempt as the API shows it."""
    return AttemptView(
        id=encode("att", attempt.pk),
        created_at=attempt.created_at,
        payment_intent_id=encode("pi", attempt.intent_id),
        number=attempt.number,
        status=str(attempt.status),
        provider=attempt.provider,
        provider_key=attempt.provider_key,
        provider_reference=attempt.provider_reference,
        amount=attempt.amount_minor,
        currency=attempt.currency,
        last_error=last_error(attempt),
        next_probe_at=attempt.next_probe_at,
    )


def capture_view(capture: Capture) -> CaptureView:
    """A capture as the API shows it."""
    return CaptureView(
        id=encode("cap", capture.pk),
        created_at=capture.created_at,
        payment_intent_id=encode("pi", capture.intent_id),
        status=str(capture.status),
        amount=capture.amount_minor,
        currency=capture.currency,
        final=capture.final,
        provider=capture.provider,
        provider_reference=capture.provider_reference,
        last_error=last_error(capture),
        livemode=capture.livemode,
    )


def refund_view(refund: Refund) -> RefundView:
    """A refund as the API shows it."""
    return RefundView(
        id=encode("re", refund.pk),
        created_at=refund.created_at,
        payment_intent_id=encode("pi", refund.intent_id),
        status=str(refund.status),
        amount=refund.amount_minor,
        currency=refund.currency,
        reason=refund.reason,
        provider=refund.provider,
        provider_reference=refund.provider_reference,
        manual=refund.manual,
        late=refund.late_payment_id is not None,
        retry_of=encode("re", refund.retry_of_id) if refund.retry_of_id else None,
        last_error=last_error(refund),
        livemode=refund.livemode,
    )


def intent_event_view(event: IntentEvent) -> IntentEventView:
    """A step as the API shows it."""
    return IntentEventView(
        id=encode("evt", event.pk),
        created_at=event.created_at,
        payment_intent_id=encode("pi", event.intent_id),
        attempt_id=encode("att", event.attempt_id) if event.attempt_id else None,
        capture_id=encode("cap", event.capture_id) if event.capture_id else None,
        refund_id=encode("re", event.refund_id) if event.refund_id else None,
        sequence=event.sequence,
        from_status=event.from_status,
        to_status=event.to_status,
        actor=event.actor,
        reason=event.reason,
    )
