"""What a provider says about a refund becomes what is stored: any evidence, any order, as often as it comes."""

import datetime as dt
import uuid
from dataclasses import dataclass

from kernel.logs import get_logger
from kernel.money import Money
from kernel.tenancy import Scope
from mpac.pgw.adapters.port import (
    Accepted,
    ByHand,
    Declined,
    Done,
    NeverHeard,
    NotProcessed,
    OperationOutcome,
    Reversed,
    Unknown,
)
from mpac.pgw.db import atomic
from mpac.pgw.domain.late_payments import LatePaymentStatus
from mpac.pgw.domain.movements import MovementKind
from mpac.pgw.domain.refunds import LIVE, RefundStatus
from mpac.pgw.events import RefundCompleted, RefundFailed, RefundReversed
from mpac.pgw.models import Refund
from mpac.pgw.selectors.locks import lock_refund_with_intent, lock_returning_late_payment
from mpac.pgw.services import sums
from mpac.pgw.services.announcements import announce_refund
from mpac.pgw.services.evidence import LearnedFrom, counts_first, remember
from mpac.pgw.services.steps import move_late_payment, move_refund
from mpac.pgw.services.tries import ask_about_operation_later, proves_refusal

logger = get_logger(__name__)

# A refund was taken for failed, its amount was given back in another way, and now it turns out that it had been carried out.
BEYOND = "given_back_beyond_capture"


@dataclass(slots=True)
class _Case:
    """A locked refund, with how and when something was learned about it."""

    refund: Refund
    learned_from: LearnedFrom
    now: dt.datetime


def apply_refund_truth(
    *,
    scope: Scope,
    refund_id: uuid.UUID,
    outcome: OperationOutcome,
    learned_from: LearnedFrom,
    now: dt.datetime,
) -> Refund:
    """Store what `outcome` proves about the refund and return it. Safe to repeat. Raises NotFound."""
    with atomic(scope):
        case = _Case(lock_refund_with_intent(refund_id), learned_from, now)
        match outcome:
            case Done():
                _done(case, outcome)
            case Accepted():
                _ask_again_later(case, reference=outcome.reference)
            case Reversed():
                _reversed(case, outcome)
            case Declined() | ByHand():
                _refused(case, outcome)
            case NotProcessed() if proves_refusal(case.refund, learned_from=learned_from):
                _failed(case, code=outcome.code, message=outcome.message)
            case NotProcessed() | Unknown():
                _ask_again_later(case, code=outcome.code, message=outcome.message)
            case NeverHeard():
                _ask_again_later(case)
    return case.refund


def complete_refund(
    refund: Refund, *, reference: str, actor: str, now: dt.datetime, approved_by: str | None = None
) -> None:
    """The payer has the money. Runs in the caller's transaction, on a locked refund that still holds its reservation."""
    move_refund(
        refund,
        RefundStatus.COMPLETED,
        actor=actor,
        now=now,
        provider_reference=reference,
        approved_by=approved_by,
        error_code=None,
        error_message=None,
    )
    if refund.late_payment_id is None:
        sums.settle_refund(refund.intent, refund.amount_minor)
    else:
        late = lock_returning_late_payment(refund)
        move_late_payment(late, LatePaymentStatus.RETURNED, now=now)
    announce_refund(RefundCompleted, refund, now=now)


def _done(case: _Case, outcome: Done) -> None:
    refund = case.refund
    if refund.status not in {RefundStatus.PROCESSING, RefundStatus.FAILED} or refund.error_code == BEYOND:
        return
    if outcome.amount != Money(refund.amount_minor, refund.currency):
        _doubt(case, outcome, code="amount_mismatch")
    elif not counts_first(refund.attempt, MovementKind.REFUND, outcome.reference):
        _doubt(case, outcome, code="reference_counted")
    elif refund.status == RefundStatus.FAILED and not _has_room_again(refund):
        _doubt(case, outcome, code=BEYOND)
    else:
        _remember(case, status="refunded", reference=outcome.reference, said=outcome.amount)
        complete_refund(refund, reference=outcome.reference, actor=case.learned_from, now=case.now)


def _has_room_again(refund: Refund) -> bool:
    """Reserve once more for a refund that had been taken for failed."""
    if refund.late_payment_id is None:
        return sums.reserve_refund(refund.intent, refund.amount_minor)
    return not Refund.objects.filter(late_payment_id=refund.late_payment_id, status__in=LIVE).exists()


def _reversed(case: _Case, outcome: Reversed) -> None:
    refund = case.refund
    if refund.status == RefundStatus.PROCESSING:
        complete_refund(refund, reference=outcome.reference, actor=case.learned_from, now=case.now)
    if refund.status != RefundStatus.COMPLETED:
        return
    _remember(case, status="refund_reversed", reference=outcome.reference, code=outcome.code)
    move_refund(
        refund,
        RefundStatus.REVERSED,
        actor=case.learned_from,
        now=case.now,
        reason=outcome.code,
        error_code=outcome.code,
        error_message=outcome.message,
    )
    if refund.late_payment_id is None:
        sums.undo_refund(refund.intent, refund.amount_minor)
    else:
        late = lock_returning_late_payment(refund)
        move_late_payment(late, LatePaymentStatus.RETURN_DUE, now=case.now)
    announce_refund(RefundReversed, refund, now=case.now)


def _refused(case: _Case, outcome: Declined | ByHand) -> None:
    if isinstance(outcome, ByHand):
        _left_to_people(case, outcome)
    else:
        _failed(case, code=outcome.code, message=outcome.message)


def _failed(case: _Case, *, code: str, message: str) -> None:
    refund = case.refund
    if refund.status != RefundStatus.PROCESSING:
        return
    _remember(case, status="refund_failed", code=code)
    move_refund(
        refund,
        RefundStatus.FAILED,
        actor=case.learned_from,
        now=case.now,
        reason=code,
        error_code=code,
        error_message=message,
    )
    if refund.late_payment_id is None:
        sums.free_refund(refund.intent, refund.amount_minor)
    announce_refund(RefundFailed, refund, now=case.now)


def _left_to_people(case: _Case, outcome: ByHand) -> None:
    """The provider will not do it, so it waits for people, with its amount still reserved."""
    if case.refund.status != RefundStatus.PROCESSING:
        return
    _remember(case, status="refund_refused", code=outcome.code)
    move_refund(
        case.refund,
        RefundStatus.PENDING,
        actor=case.learned_from,
        now=case.now,
        reason=outcome.code,
        manual=True,
        error_code=outcome.code,
        error_message=outcome.message,
    )


def _doubt(case: _Case, outcome: Done, *, code: str) -> None:
    """The provider's word does not fit what we know: kept and shown, and left to people."""
    logger.warning("a refund's outcome is in doubt", refund=str(case.refund.pk), code=code)
    _remember(case, status="refund_in_doubt", reference=outcome.reference, said=outcome.amount, code=code)
    if case.refund.status == RefundStatus.PROCESSING:
        _ask_again_later(case, code=code, message="The provider's answer does not fit the refund.")
    else:
        Refund.objects.filter(pk=case.refund.pk).update(error_code=code)


def _ask_again_later(
    case: _Case, *, reference: str | None = None, code: str | None = None, message: str | None = None
) -> None:
    if case.refund.status == RefundStatus.PROCESSING:
        ask_about_operation_later(
            case.refund,
            learned_from=case.learned_from,
            now=case.now,
            reference=reference,
            code=code,
            message=message,
        )


def _remember(
    case: _Case,
    *,
    status: str,
    reference: str | None = None,
    said: Money | None = None,
    code: str | None = None,
) -> None:
    remember(
        case.refund.attempt,
        learned_from=case.learned_from,
        status=status,
        amount=said or Money(case.refund.amount_minor, case.refund.currency),
        reference=reference,
        error_code=code,
        operation_id=case.refund.pk,
    )
