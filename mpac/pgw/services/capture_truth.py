"""What a provider says about a capture becomes what is stored: any evidence, any order, as often as it comes."""

import datetime as dt
import uuid

from kernel.logs import get_logger
from kernel.money import Money
from kernel.tenancy import Scope
from mpac.pgw.adapters.port import (
    Accepted,
    Declined,
    Done,
    NeverHeard,
    NotProcessed,
    OperationOutcome,
    ProviderPayment,
    Reversed,
    Unknown,
)
from mpac.pgw.db import atomic
from mpac.pgw.domain.captures import CaptureStatus
from mpac.pgw.domain.movements import MovementKind
from mpac.pgw.models import Capture, PaymentIntent
from mpac.pgw.selectors.locks import lock_capture_with_intent
from mpac.pgw.services import sums
from mpac.pgw.services.evidence import Case, LearnedFrom, counts_first, remember
from mpac.pgw.services.holds import complete_capture, settle
from mpac.pgw.services.steps import move_capture
from mpac.pgw.services.tries import ask_about_operation_later, proves_refusal

logger = get_logger(__name__)

OPEN_FOR_DONE = frozenset({CaptureStatus.PROCESSING, CaptureStatus.FAILED})


def apply_capture_truth(
    *,
    scope: Scope,
    capture_id: uuid.UUID,
    outcome: OperationOutcome,
    learned_from: LearnedFrom,
    now: dt.datetime,
) -> PaymentIntent:
    """Store what `outcome` proves about the capture and return its intent. Safe to repeat. Raises NotFound."""
    with atomic(scope):
        capture = lock_capture_with_intent(capture_id)
        case = Case(capture.intent, capture.attempt, learned_from, now)
        match outcome:
            case Done():
                _done(case, capture, outcome)
            case Accepted():
                _ask_again_later(case, capture, reference=outcome.reference)
            case Declined():
                _failed(case, capture, code=outcome.code, message=outcome.message)
            case NotProcessed() if proves_refusal(capture, learned_from=learned_from):
                _failed(case, capture, code=outcome.code, message=outcome.message)
            case NotProcessed() | Unknown() | Reversed():
                _ask_again_later(case, capture, code=outcome.code, message=outcome.message)
            case NeverHeard():
                _ask_again_later(case, capture)
    return case.intent


def _done(case: Case, capture: Capture, outcome: Done) -> None:
    if capture.status not in OPEN_FOR_DONE:
        return
    if outcome.amount != Money(capture.amount_minor, capture.currency):
        _doubt(case, capture, outcome, code="amount_mismatch")
    elif not counts_first(case.attempt, MovementKind.PAYMENT, outcome.reference):
        _doubt(case, capture, outcome, code="reference_counted")
    else:
        _remember(case, capture, status="captured", reference=outcome.reference)
        payment = ProviderPayment(reference=outcome.reference, amount=outcome.amount, details=outcome.details)
        complete_capture(case, capture, payment)


def _failed(case: Case, capture: Capture, *, code: str, message: str) -> None:
    if capture.status != CaptureStatus.PROCESSING:
        return
    _remember(case, capture, status="capture_failed", code=code)
    move_capture(
        capture,
        CaptureStatus.FAILED,
        actor=case.learned_from,
        now=case.now,
        reason=code,
        error_code=code,
        error_message=message,
    )
    sums.free_capture(case.intent, capture.amount_minor)
    settle(case, code=code, message=message)


def _doubt(case: Case, capture: Capture, outcome: Done, *, code: str) -> None:
    """The provider's word does not fit what we know: kept and shown, and left to people."""
    logger.warning("a capture's outcome is in doubt", capture=str(capture.pk), code=code)
    _remember(case, capture, status="capture_in_doubt", reference=outcome.reference, code=code)
    _ask_again_later(case, capture, code=code, message="The provider's answer does not fit the capture.")


def _ask_again_later(
    case: Case,
    capture: Capture,
    *,
    reference: str | None = None,
    code: str | None = None,
    message: str | None = None,
) -> None:
    if capture.status == CaptureStatus.PROCESSING:
        ask_about_operation_later(
            capture,
            learned_from=case.learned_from,
            now=case.now,
            reference=reference,
            code=code,
            message=message,
        )


def _remember(
    case: Case, capture: Capture, *, status: str, reference: str | None = None, code: str | None = None
) -> None:
    remember(
        case.attempt,
        learned_from=case.learned_from,
        status=status,
        amount=Money(capture.amount_minor, capture.currency),
        reference=reference,
        error_code=code,
        operation_id=capture.pk,
    )
