"""Taking held money: reserve it and commit, call the provider outside any transaction, commit the answer."""

import datetime as dt
import uuid
from dataclasses import dataclass

from kernel.crashpoints import crashpoint, declare
from kernel.tenancy import Scope
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.db import atomic
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.domain.captures import CaptureStatus
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.errors import CaptureExceedsHold, CaptureNotSupported
from mpac.pgw.events import PaymentIntentProcessing
from mpac.pgw.models import Capture, PaymentAttempt, PaymentIntent
from mpac.pgw.selectors.captures import find_capture_by_key
from mpac.pgw.selectors.locks import lock_intent
from mpac.pgw.services import sums
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.capture_truth import apply_capture_truth
from mpac.pgw.services.confirmation import current_intent
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.holds import open_capture
from mpac.pgw.services.operations import prepare_capture
from mpac.pgw.services.slots import AccountKey, slots
from mpac.pgw.services.steps import illegal, move_intent

declare("pgw.capture_sent", "pgw.capture_answered", "pgw.capture_committed")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCapture:
    """A wish to take held money, as its caller words it. Without an amount it is all that is left.

    What is not captured with a `final` capture is let go.
    """

    intent_id: uuid.UUID
    idempotency_key: str
    requested_by: str
    amount_minor: int | None = None
    final: bool = True


def capture_intent(*, scope: Scope, wanted: NewCapture, now: dt.datetime) -> PaymentIntent:
    """Take held money now. The answer's status tells how far that came. Raises what `begin_capture` raises."""
    with atomic(scope):
        capture, opened = begin_capture(wanted=wanted, now=now)
    if opened:
        return dispatch_capture(scope=scope, capture_id=capture.pk, now=now)
    return current_intent(scope=scope, intent_id=wanted.intent_id)


def begin_capture(*, wanted: NewCapture, now: dt.datetime) -> tuple[Capture, bool]:
    """Reserve and open a capture in the caller's transaction, or find what this key opened before.

    Returns it and whether it was opened now. Raises NotFound, IllegalIntentTransition when nothing waits to be captured or
    it was called off, CaptureExceedsHold, CaptureNotSupported and AccountsBusy.
    """
    intent = lock_intent(wanted.intent_id)
    known = find_capture_by_key(
        psp_id=intent.psp_id, merchant_id=intent.merchant_id, idempotency_key=wanted.idempotency_key
    )
    if known is not None:
        return known, False
    lapsed = intent.capture_before is not None and intent.capture_before <= now
    if intent.status != IntentStatus.REQUIRES_CAPTURE or intent.cancel_requested_at is not None or lapsed:
        raise illegal(intent)
    left = intent.authorized_minor - intent.captured_minor - intent.capturing_minor
    amount_minor = left if wanted.amount_minor is None else wanted.amount_minor
    attempt: PaymentAttempt = PaymentAttempt.objects.get(intent=intent, status=AttemptStatus.AUTHORIZED)
    attempt.intent = intent
    _check_support(attempt, is_part=amount_minor < left, final=wanted.final or amount_minor == left)
    if amount_minor < 1 or not sums.reserve_capture(intent, amount_minor):
        raise CaptureExceedsHold
    capture = open_capture(
        attempt,
        amount_minor,
        final=wanted.final or amount_minor == left,
        key=wanted.idempotency_key,
        requested_by=wanted.requested_by,
        now=now,
    )
    slots.need(AccountKey.of(capture), capture.pk, now=now)
    move_intent(
        intent,
        IntentStatus.PROCESSING,
        actor=wanted.requested_by,
        now=now,
        error_code=None,
        error_message=None,
    )
    announce(PaymentIntentProcessing, intent, now=now)
    return capture, True


def dispatch_capture(*, scope: Scope, capture_id: uuid.UUID, now: dt.datetime) -> PaymentIntent:
    """Call the provider for a capture that has just been committed, and commit its answer.

    Only the caller that opened the capture may do this; whoever comes later leaves it to the resolver.
    """
    crashpoint("pgw.capture_sent")
    with slots.held(capture_id):
        outcome = prepare_capture(scope=scope, capture_id=capture_id, now=now).issue()
    crashpoint("pgw.capture_answered")
    intent = apply_capture_truth(
        scope=scope, capture_id=capture_id, outcome=outcome, learned_from=LearnedFrom.ANSWER, now=now
    )
    crashpoint("pgw.capture_committed")
    return intent


def _check_support(attempt: PaymentAttempt, *, is_part: bool, final: bool) -> None:
    """Raise CaptureNotSupported for a part, or for one capture of several, where the provider has no such thing."""
    adapter = find_adapter(attempt.provider)
    if adapter is None:
        return
    can = adapter.capabilities
    is_one_of_several = (
        not final or Capture.objects.filter(attempt=attempt, status=CaptureStatus.COMPLETED).exists()
    )
    if (is_part and not can.partial_capture) or (is_one_of_several and not can.multiple_capture):
        raise CaptureNotSupported
