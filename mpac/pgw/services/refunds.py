"""Giving money back: reserve it and commit, call the provider outside any transaction, commit the answer."""

import datetime as dt
import uuid
from dataclasses import dataclass

from kernel.crashpoints import crashpoint, declare
from kernel.errors import NotFound
from kernel.money import Money
from kernel.tenancy import Scope
from mpac.pgw.adapters.port import RefundSupport
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.db import atomic
from mpac.pgw.domain.captures import CaptureStatus
from mpac.pgw.domain.refunds import LIVE, RETRIABLE
from mpac.pgw.errors import (
    CurrencyNotAccepted,
    PartialRefundNotSupported,
    PaymentDisputed,
    RefundExceedsCapture,
    RefundNotRetriable,
    RefundSpansCaptures,
)
from mpac.pgw.models import Capture, PaymentAttempt, PaymentIntent, Refund
from mpac.pgw.selectors.disputes import disputed_minor
from mpac.pgw.selectors.locks import lock_intent, lock_returning_late_payment
from mpac.pgw.selectors.refunds import find_refund_by_key, get_refund
from mpac.pgw.services import sums
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.operations import prepare_refund
from mpac.pgw.services.refund_opening import WantedRefund, open_late_refund, open_refund
from mpac.pgw.services.refund_truth import apply_refund_truth
from mpac.pgw.services.slots import AccountKey, slots

declare("pgw.refund_sent", "pgw.refund_answered", "pgw.refund_committed")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRefund:
    """A wish to give money back, as its caller words it. Without an amount it is all that is left."""

    intent_id: uuid.UUID
    reason: str
    idempotency_key: str
    requested_by: str
    amount_minor: int | None = None
    currency: str | None = None
    retry_of: uuid.UUID | None = None


def refund_intent(*, scope: Scope, wanted: NewRefund, now: dt.datetime) -> Refund:
    """Give money back now. The answer's status tells how far that came. Raises what `begin_refund` raises."""
    with atomic(scope):
        refund, opened = begin_refund(wanted=wanted, now=now)
    return dispatch_refund(scope=scope, refund_id=refund.pk, now=now) if opened else refund


def begin_refund(*, wanted: NewRefund, now: dt.datetime) -> tuple[Refund, bool]:
    """Reserve and open a refund in the caller's transaction, or find what this key opened before.

    Returns it and whether the provider is to be called by who opened it. Raises NotFound, RefundExceedsCapture,
    RefundSpansCaptures, RefundNotRetriable, PaymentDisputed, PartialRefundNotSupported, CurrencyNotAccepted and
    AccountsBusy.
    """
    intent = lock_intent(wanted.intent_id)
    known = find_refund_by_key(
        psp_id=intent.psp_id, merchant_id=intent.merchant_id, idempotency_key=wanted.idempotency_key
    )
    if known is not None:
        return known, False
    if wanted.currency not in (None, intent.currency):
        raise CurrencyNotAccepted
    failed = _retried(intent, wanted.retry_of) if wanted.retry_of is not None else None
    if failed is not None and failed.late_payment_id is not None:
        return _return_again(intent, failed, wanted, now=now), False
    amount_minor = _amount(intent, wanted, failed)
    _check_disputes(intent, amount_minor)
    if amount_minor < 1 or not sums.reserve_refund(intent, amount_minor):
        raise RefundExceedsCapture
    attempt = _charged_attempt(intent)
    _check_support(intent, attempt, amount_minor)
    opening = WantedRefund(
        amount=Money(amount_minor, intent.currency),
        reason=wanted.reason,
        payment_reference=_payment_reference(attempt, amount_minor),
        idempotency_key=wanted.idempotency_key,
        requested_by=wanted.requested_by,
        retry_of=failed,
    )
    refund = open_refund(attempt, opening, now=now)
    if not refund.manual:
        slots.need(AccountKey.of(refund), refund.pk, now=now)
    return refund, not refund.manual


def dispatch_refund(*, scope: Scope, refund_id: uuid.UUID, now: dt.datetime) -> Refund:
    """Call the provider for a refund that has just been committed, and commit its answer.

    Only the caller that opened the refund may do this; whoever comes later leaves it to the resolver.
    """
    crashpoint("pgw.refund_sent")
    with slots.held(refund_id):
        outcome = prepare_refund(scope=scope, refund_id=refund_id, now=now).issue()
    crashpoint("pgw.refund_answered")
    refund = apply_refund_truth(
        scope=scope, refund_id=refund_id, outcome=outcome, learned_from=LearnedFrom.ANSWER, now=now
    )
    crashpoint("pgw.refund_committed")
    return refund


def current_refund(*, scope: Scope, refund_id: uuid.UUID) -> Refund:
    """The refund as it stands. Raises NotFound."""
    with atomic(scope):
        return get_refund(refund_id)


def _retried(intent: PaymentIntent, refund_id: uuid.UUID) -> Refund:
    """The failed refund that another is to replace. Raises NotFound and RefundNotRetriable."""
    failed: Refund | None = (
        Refund.objects.select_related("attempt").filter(pk=refund_id, intent=intent).first()
    )
    if failed is None:
        raise NotFound
    if failed.status not in RETRIABLE or Refund.objects.filter(retry_of=failed).exists():
        raise RefundNotRetriable
    return failed


def _return_again(intent: PaymentIntent, failed: Refund, wanted: NewRefund, *, now: dt.datetime) -> Refund:
    if wanted.amount_minor not in (None, failed.amount_minor):
        raise RefundNotRetriable
    failed.intent = failed.attempt.intent = intent
    late = lock_returning_late_payment(failed)
    return open_late_refund(late, requested_by=wanted.requested_by, retry_of=failed, now=now)


def _check_disputes(intent: PaymentIntent, amount_minor: int) -> None:
    """What a payer's bank takes back is not given back beside it. Raises PaymentDisputed."""
    left = intent.captured_minor - intent.refunded_minor - intent.refunding_minor
    disputed = disputed_minor(intent)
    if disputed and left - disputed < amount_minor <= left:
        raise PaymentDisputed


def _amount(intent: PaymentIntent, wanted: NewRefund, failed: Refund | None) -> int:
    if failed is not None:
        if wanted.amount_minor not in (None, failed.amount_minor):
            raise RefundNotRetriable
        return int(failed.amount_minor)
    if wanted.amount_minor is not None:
        return wanted.amount_minor
    return int(intent.captured_minor - intent.refunded_minor - intent.refunding_minor)


def _charged_attempt(intent: PaymentIntent) -> PaymentAttempt:
    attempt: PaymentAttempt = PaymentAttempt.objects.get(intent=intent, captured_minor__gt=0)
    attempt.intent = intent
    return attempt


def _check_support(intent: PaymentIntent, attempt: PaymentAttempt, amount_minor: int) -> None:
    """Raise PartialRefundNotSupported for a part, where the provider knows the whole only."""
    adapter = find_adapter(attempt.provider)
    whole_only = adapter is not None and adapter.capabilities.refund is RefundSupport.FULL
    if whole_only and amount_minor != intent.captured_minor:
        raise PartialRefundNotSupported


def _payment_reference(attempt: PaymentAttempt, amount_minor: int) -> str:
    """The movement of money to give back: the charge, or that of its captures which the amount fits best.

    The intent is locked, so that what is left of each capture cannot change meanwhile. Raises RefundSpansCaptures.
    """
    captures = Capture.objects.filter(attempt=attempt, status=CaptureStatus.COMPLETED).order_by("pk")
    left = {str(capture.provider_reference): int(capture.amount_minor) for capture in captures}
    if not left:
        return attempt.provider_reference or attempt.provider_key
    given = Refund.objects.filter(attempt=attempt, late_payment=None, status__in=LIVE)
    for reference, given_minor in given.values_list("payment_reference", "amount_minor"):
        left[reference] -= given_minor
    fitting = [reference for reference in left if left[reference] >= amount_minor]
    if not fitting:
        raise RefundSpansCaptures
    return min(fitting, key=left.__getitem__)
