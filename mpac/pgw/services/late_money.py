"""Money that cannot simply complete its intent: kept as a late payment, then accepted or given back by a refund."""

import datetime as dt
import uuid

from kernel.tenancy import Scope
from mpac.pgw.adapters.port import ProviderPayment
from mpac.pgw.db import atomic
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.late_payments import LatePaymentStatus, LateReason
from mpac.pgw.domain.lateness import LateDecision, Source, decide
from mpac.pgw.errors import LatePaymentDecided
from mpac.pgw.events import LatePaymentReceived, LatePaymentReturnDue, PaymentIntentSucceeded
from mpac.pgw.models import LatePayment, PaymentAttempt, PaymentIntent
from mpac.pgw.selectors.locks import lock_intent, lock_undecided_late_payment
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.refund_opening import open_late_refund
from mpac.pgw.services.steps import move_intent, move_late_payment

# Who asked for a refund that nobody asked for.
POLICY = "late_money"


def receive_late(
    attempt: PaymentAttempt, payment: ProviderPayment, *, reason: LateReason, now: dt.datetime
) -> None:
    """Keep late money of a locked attempt and do with it what its policy says. Runs in the caller's transaction."""
    intent = attempt.intent
    decision = decide(source=Source(intent.source), reason=reason)
    late = LatePayment(
        psp_id=attempt.psp_id,
        merchant_id=attempt.merchant_id,
        store_id=attempt.store_id,
        intent=intent,
        attempt=attempt,
        status=LatePaymentStatus.RETURN_DUE
        if decision is LateDecision.RETURN
        else LatePaymentStatus.RECEIVED,
        reason=reason,
        provider=attempt.provider,
        provider_reference=payment.reference,
        amount_minor=payment.amount.amount_minor,
        currency=payment.amount.currency,
        decided_at=now if decision is LateDecision.RETURN else None,
    )
    late.save(force_insert=True)
    match decision:
        case LateDecision.ASK:
            announce(LatePaymentReceived, intent, now=now, **_facts(late))
        case LateDecision.ACCEPT:
            _accept(intent, late, now=now)
        case LateDecision.RETURN:
            _return(intent, late, requested_by=POLICY, now=now)


def accept_late(*, scope: Scope, intent_id: uuid.UUID, now: dt.datetime) -> PaymentIntent:
    """The claim is still open: the intent succeeds after all. Accepting again changes nothing.

    Raises NotFound, and LatePaymentDecided when there is no money that waits for a decision.
    """
    with atomic(scope):
        intent = lock_intent(intent_id)
        late = lock_undecided_late_payment(intent)
        if late is not None:
            _accept(intent, late, now=now)
        elif intent.status != IntentStatus.SUCCEEDED:
            raise LatePaymentDecided
    return intent


def return_late(*, scope: Scope, intent_id: uuid.UUID, reason: str, now: dt.datetime) -> PaymentIntent:
    """The claim is gone: the money has to go back. Returning again changes nothing.

    Raises NotFound, and LatePaymentDecided when no late money of this intent goes back.
    """
    with atomic(scope):
        intent = lock_intent(intent_id)
        late = lock_undecided_late_payment(intent)
        if late is not None:
            move_late_payment(late, LatePaymentStatus.RETURN_DUE, now=now, return_reason=reason)
            late.attempt.intent = intent
            _return(intent, late, requested_by=intent.source, now=now)
        elif not LatePayment.objects.filter(
            intent=intent, status__in=[LatePaymentStatus.RETURN_DUE, LatePaymentStatus.RETURNED]
        ).exists():
            raise LatePaymentDecided
    return intent


def _accept(intent: PaymentIntent, late: LatePayment, *, now: dt.datetime) -> None:
    move_late_payment(late, LatePaymentStatus.ACCEPTED, now=now)
    move_intent(
        intent,
        IntentStatus.SUCCEEDED,
        actor="late_payment",
        now=now,
        reason=late.reason,
        authorized_minor=intent.amount_minor,
        captured_minor=late.amount_minor,
        error_code=None,
        error_message=None,
    )
    announce(PaymentIntentSucceeded, intent, now=now, late=True, captured_minor=intent.captured_minor)


def _return(intent: PaymentIntent, late: LatePayment, *, requested_by: str, now: dt.datetime) -> None:
    announce(LatePaymentReturnDue, intent, now=now, **_facts(late))
    open_late_refund(late, requested_by=requested_by, now=now)


def _facts(late: LatePayment) -> dict[str, str | int]:
    return {
        "reason": str(late.reason),
        "received_minor": late.amount_minor,
        "received_currency": late.currency,
        "provider_reference": late.provider_reference,
    }
