"""What a provider says becomes what is stored: one function, any evidence, any order, as often as it comes.

Evidence arrives as the answer to our call, from a probe, from a callback, or twice from all of them at once. The intent and
the attempt are locked, each movement of money counts once by the provider's own reference, and nothing that is already
known is undone: a later, weaker message never takes a stronger truth back.
"""

import datetime as dt
import uuid

from kernel.logs import get_logger
from kernel.money import Money
from kernel.tenancy import Scope
from mpac.pgw.adapters.port import (
    ActionRequired,
    Agreed,
    Approved,
    Authorized,
    Declined,
    NeverHeard,
    NotProcessed,
    Outcome,
    Pending,
    ProviderPayment,
    Unknown,
    Voided,
)
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.db import atomic
from mpac.pgw.domain import probing
from mpac.pgw.domain.attempts import OPEN, AttemptStatus
from mpac.pgw.domain.intents import ENDED, IntentStatus
from mpac.pgw.domain.late_payments import LateReason
from mpac.pgw.domain.lateness import reason_for
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.domain.movements import MovementKind
from mpac.pgw.events import (
    PaymentIntentActionRequired,
    PaymentIntentProcessing,
    PaymentIntentSucceeded,
)
from mpac.pgw.models import PaymentAttempt, PaymentIntent, PaymentTransaction
from mpac.pgw.selectors.locks import lock_attempt_with_intent
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.evidence import Case, LearnedFrom, counts_first, is_counted_for, remember_attempt
from mpac.pgw.services.holds import hold, release, take_held
from mpac.pgw.services.late_money import receive_late
from mpac.pgw.services.steps import move_attempt, move_intent, walk_intent
from mpac.pgw.services.tries import (
    ask_again_later,
    ask_at_once,
    end_try,
    give_up,
    is_finish_under_way,
    is_finish_wanted,
    is_finishable,
    is_recallable,
    was_called_once,
)

logger = get_logger(__name__)

LET_GO = "let_go"


def apply_provider_truth(
    *, scope: Scope, attempt_id: uuid.UUID, outcome: Outcome, learned_from: LearnedFrom, now: dt.datetime
) -> PaymentIntent:
    """Store what `outcome` proves about the attempt and return its intent. Safe to repeat. Raises NotFound."""
    with atomic(scope):
        intent, attempt = lock_attempt_with_intent(attempt_id)
        attempt.intent = intent
        case = Case(intent, attempt, learned_from, now)
        match outcome:
            case Approved(payments=payments):
                _approved(case, payments)
            case Authorized():
                _authorized(case, outcome)
            case ActionRequired():
                _action_required(case, outcome)
            case Declined() | NotProcessed() | NeverHeard() | Unknown():
                _no_money(case, outcome)
            case Agreed():
                _agreed(case)
            case Voided():
                _voided(case, outcome)
            case Pending():
                _pending(case)
    return intent


def _approved(case: Case, payments: tuple[ProviderPayment, ...]) -> None:
    for payment in sorted(payments, key=lambda each: each.reference):
        if payment.reversed:
            logger.warning("provider reports a reversed payment", attempt=str(case.attempt.pk))
        elif _was_let_go(case, payment):
            logger.warning("an old notice announces a payment that was let go", attempt=str(case.attempt.pk))
        elif counts_first(case.attempt, MovementKind.PAYMENT, payment.reference):
            _take(case, payment)
        elif not is_counted_for(case.attempt, MovementKind.PAYMENT, payment.reference):
            _doubt(case, payment)
            return
    if case.attempt.status != AttemptStatus.CAPTURED:
        _pending(case)


def _doubt(case: Case, payment: ProviderPayment) -> None:
    """Money under a reference that was counted for another charge: it counts no second time, and is no proof of none.

    People find out whose it is.
    """
    intent, attempt = case.intent, case.attempt
    logger.warning("a payment's reference was counted for another charge", attempt=str(attempt.pk))
    if attempt.status not in {AttemptStatus.SENT, AttemptStatus.REQUIRES_ACTION}:
        ask_again_later(case)
        return
    remember_attempt(case, status="in_doubt", amount=payment.amount, reference=payment.reference)
    move_attempt(
        attempt,
        AttemptStatus.UNKNOWN,
        actor=case.learned_from,
        now=case.now,
        reason="reference_counted",
        error_code="reference_counted",
        error_message="The provider names a payment that was counted for another charge.",
    )
    if intent.status == IntentStatus.REQUIRES_ACTION:
        move_intent(intent, IntentStatus.PROCESSING, actor=case.learned_from, now=case.now)
        announce(PaymentIntentProcessing, intent, now=case.now)


def _authorized(case: Case, outcome: Authorized) -> None:
    if case.attempt.status in OPEN - {AttemptStatus.AUTHORIZED}:
        hold(case, reference=outcome.reference, amount=outcome.amount, until=outcome.expires_at)
    elif case.attempt.status == AttemptStatus.VOIDED and case.learned_from is LearnedFrom.WEBHOOK:
        PaymentAttempt.objects.filter(pk=case.attempt.pk).update(provider_reference=outcome.reference)
        ask_at_once(case)
    else:
        ask_again_later(case)


def _take(case: Case, payment: ProviderPayment) -> None:
    """Money seen for the first time: it completes the intent, or it is late."""
    intent, attempt = case.intent, case.attempt
    remember_attempt(
        case,
        status="captured",
        amount=payment.amount,
        reference=payment.reference,
        details=payment.details,
    )
    if _is_of_a_hold(case, payment):
        take_held(case, payment)
        return
    if payment.amount != Money(attempt.amount_minor, attempt.currency):
        receive_late(attempt, payment, reason=LateReason.WRONG_AMOUNT, now=case.now)
        return
    if intent.captured_minor or intent.capturing_minor or _has_captured(intent):
        receive_late(attempt, payment, reason=LateReason.DUPLICATE, now=case.now)
        return
    move_attempt(
        attempt,
        AttemptStatus.CAPTURED,
        actor=case.learned_from,
        now=case.now,
        captured_minor=payment.amount.amount_minor,
        provider_reference=payment.reference,
    )
    if intent.status in ENDED:
        receive_late(attempt, payment, reason=reason_for(IntentStatus(intent.status)), now=case.now)
        return
    walk_intent(
        intent,
        IntentStatus.SUCCEEDED,
        actor=case.learned_from,
        now=case.now,
        authorized_minor=intent.amount_minor,
        captured_minor=payment.amount.amount_minor,
        error_code=None,
        error_message=None,
    )
    announce(PaymentIntentSucceeded, intent, now=case.now, captured_minor=intent.captured_minor)


def _action_required(case: Case, outcome: ActionRequired) -> None:
    intent, attempt = case.intent, case.attempt
    if attempt.status not in {AttemptStatus.SENT, AttemptStatus.UNKNOWN}:
        ask_again_later(case)
        return
    if intent.status in ENDED or intent.cancel_requested_at is not None:
        # Nobody has seen it yet, and nobody will.
        give_up(case, reason="never shown")
        return
    remember_attempt(case, status="requires_action", reference=outcome.provider_reference)
    move_attempt(
        attempt,
        AttemptStatus.REQUIRES_ACTION,
        actor=case.learned_from,
        now=case.now,
        provider_reference=outcome.provider_reference,
        error_code=None,
        error_message=None,
    )
    shown = dict(outcome.next_action)
    move_intent(
        intent, IntentStatus.REQUIRES_ACTION, actor=case.learned_from, now=case.now, next_action=shown
    )
    announce(PaymentIntentActionRequired, intent, now=case.now, next_action=shown)


def _agreed(case: Case) -> None:
    """The payer has agreed. What is wanted is finished as soon as possible (see `finishing`), what is not never will be."""
    attempt = case.attempt
    if not is_finishable(attempt):
        _pending(case)
    elif is_finish_under_way(attempt, now=case.now):
        ask_again_later(case)
    elif is_finish_wanted(case.intent, now=case.now) or case.learned_from is LearnedFrom.WEBHOOK:
        PaymentAttempt.objects.filter(pk=attempt.pk).update(agreed_at=case.now)
        ask_at_once(case)
    else:
        give_up(case, reason="not finished")


def _no_money(case: Case, outcome: Declined | NotProcessed | NeverHeard | Unknown) -> None:
    match outcome:
        case Declined():
            _refused(case, AttemptStatus.DECLINED, code=outcome.code, message=outcome.message)
        case NotProcessed():
            _not_processed(case, outcome)
        case NeverHeard():
            _never_heard(case)
        case Unknown():
            _unknown(case, outcome)


def _refused(case: Case, status: AttemptStatus, *, code: str, message: str) -> None:
    """This try is over without money; the intent waits for another one or fails."""
    if case.attempt.status == AttemptStatus.AUTHORIZED:
        release(case, reason=code)
        return
    if case.attempt.status not in OPEN:
        ask_again_later(case)
        return
    remember_attempt(case, status=status, error_code=code)
    move_attempt(
        case.attempt,
        status,
        actor=case.learned_from,
        now=case.now,
        reason=code,
        error_code=code,
        error_message=message,
    )
    end_try(case, code=code, message=message)


def _not_processed(case: Case, outcome: NotProcessed) -> None:
    is_first = case.attempt.status == AttemptStatus.SENT and was_called_once(case.attempt)
    if is_first and case.learned_from is LearnedFrom.ANSWER:
        _refused(case, AttemptStatus.ERROR, code=outcome.code, message=outcome.message)
    elif case.learned_from is LearnedFrom.REISSUE and (_is_harmless(case) or _is_forgotten(case)):
        # The repeated call was refused and the probe before it found no money.
        give_up(case, reason=outcome.code)
    else:
        _unknown(case, Unknown(code=outcome.code, message=outcome.message))


def _unknown(case: Case, outcome: Unknown) -> None:
    """Nothing was learned: never a refusal, only another question later."""
    attempt = case.attempt
    if attempt.status == AttemptStatus.SENT and case.learned_from is not LearnedFrom.WEBHOOK:
        remember_attempt(case, status="unknown", error_code=outcome.code)
        move_attempt(
            attempt,
            AttemptStatus.UNKNOWN,
            actor=case.learned_from,
            now=case.now,
            reason=outcome.code,
            error_code=outcome.code,
            error_message=outcome.message,
        )
    else:
        ask_again_later(case)


def _voided(case: Case, outcome: Voided) -> None:
    if outcome.reference:
        remember_attempt(case, status="voided", reference=outcome.reference, error_code=LET_GO)
    if case.attempt.status == AttemptStatus.CAPTURED and outcome.reference:
        logger.error("the provider let money go that it had told us was taken", attempt=str(case.attempt.pk))
    elif case.attempt.status == AttemptStatus.AUTHORIZED:
        release(case, reason="voided")
    elif case.attempt.status in OPEN:
        give_up(case, reason="voided")
    else:
        ask_again_later(case)


def _never_heard(case: Case) -> None:
    """The provider cannot be asked and found nothing to call off. That counts when nothing can arrive there any more."""
    if is_recallable(case.attempt, now=case.now):
        give_up(case, reason="never arrived")
    else:
        ask_again_later(case)


def _was_let_go(case: Case, payment: ProviderPayment) -> bool:
    """Whether a notice is older than the one that told us that this very payment had been let go."""
    if case.attempt.status != AttemptStatus.VOIDED or case.learned_from is not LearnedFrom.WEBHOOK:
        return False
    said = {"attempt_id": case.attempt.pk, "provider_reference": payment.reference, "error_code": LET_GO}
    return bool(PaymentTransaction.objects.filter(**said).exists())


def _pending(case: Case) -> None:
    """The provider was reached and knows of no money so far."""
    intent, attempt = case.intent, case.attempt
    if case.learned_from is LearnedFrom.WEBHOOK:
        return
    if attempt.status == AttemptStatus.SENT:
        move_attempt(
            attempt, AttemptStatus.UNKNOWN, actor=case.learned_from, now=case.now, reason="no answer kept"
        )
        return
    over = intent.cancel_requested_at is not None or intent.status in ENDED or intent.expires_at <= case.now
    if attempt.status == AttemptStatus.UNKNOWN:
        over = _may_give_up(case, wished=over)
    if over and attempt.status in OPEN - {AttemptStatus.AUTHORIZED}:  # held money is let go by a void alone
        give_up(case, reason="no money found")
    else:
        ask_again_later(case)


def _is_harmless(case: Case) -> bool:
    """Whether no money can move for an attempt whose QR or link was never shown to anybody."""
    attempt = case.attempt
    adapter = find_adapter(attempt.provider)
    never_shown = (
        attempt.status in {AttemptStatus.SENT, AttemptStatus.UNKNOWN} and attempt.finish_sent_at is None
    )
    return never_shown and adapter is not None and adapter.capabilities.customer_initiated


def _may_give_up(case: Case, *, wished: bool) -> bool:
    """Whether a charge that its provider knows nothing about is taken for one that never was.

    Where no money moves without the customer, that is when nobody wants it or its call was repeated in vain. Elsewhere both
    must be: our call might still arrive, and what it did is found under watch and undone.
    """
    if _is_harmless(case):
        return wished or case.attempt.probes >= probing.MAX_REISSUES
    return wished and _is_forgotten(case)


def _is_forgotten(case: Case) -> bool:
    """Whether its provider, which can be asked, has been asked often enough, and for long enough."""
    attempt = case.attempt
    adapter = find_adapter(attempt.provider)
    can_be_asked = adapter is not None and adapter.capabilities.probe
    is_old = attempt.status_at + probing.FORGOTTEN_AGE <= case.now
    often = attempt.probes >= probing.FORGOTTEN_AFTER
    return can_be_asked and attempt.status == AttemptStatus.UNKNOWN and often and is_old


def _is_of_a_hold(case: Case, payment: ProviderPayment) -> bool:
    """Whether the money was taken, all of it or a part, out of what is held for the caller to capture."""
    intent, attempt = case.intent, case.attempt
    is_held = attempt.status in OPEN and intent.status not in ENDED
    return (
        is_held
        and intent.capture_method == CaptureMethod.MANUAL
        and payment.amount.currency == attempt.currency
    )


def _has_captured(intent: PaymentIntent) -> bool:
    return bool(PaymentAttempt.objects.filter(intent=intent, status=AttemptStatus.CAPTURED).exists())
