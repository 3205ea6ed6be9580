"""What a statement's line proves about something whose outcome is open, or makes us ask."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kernel.money import Money
from kernel.tenancy import TenantScope
from mpac.pgw.adapters.port import Approved, DisputeNews, Done, ProviderPayment, Reversed
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.db import atomic
from mpac.pgw.domain.attempts import CLOSED_UNPAID, OPEN
from mpac.pgw.domain.captures import CaptureStatus
from mpac.pgw.domain.disputes import DisputeStatus
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.domain.refunds import RefundStatus
from mpac.pgw.domain.statements.lines import LineKind
from mpac.pgw.models import Capture, PaymentAttempt, Refund
from mpac.pgw.services.capture_truth import apply_capture_truth
from mpac.pgw.services.disputes import apply_dispute_news
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.refund_truth import apply_refund_truth
from mpac.pgw.services.truth import apply_provider_truth

# How far the dispute has come, and how often its amount was taken and given back by then.
_DISPUTES = {
    LineKind.CHARGEBACK: (DisputeStatus.OPENED, 1, 0),
    LineKind.CHARGEBACK_REVERSAL: (DisputeStatus.WON, 1, 1),
    LineKind.SECOND_CHARGEBACK: (DisputeStatus.LOST, 2, 1),
}


def apply_line(*, scope: TenantScope, line: Sequence[Any], now: dt.datetime) -> bool:
    """Store what an undecided line proves; False where it proves nothing that may be stored."""
    line_id, kind, said, reference, payment_reference, operation_key, amount_minor, currency = line[:8]
    occurred_at, attempt_id, refund_id, file_id = line[8:]
    amount = Money(abs(amount_minor), currency)
    match LineKind(kind):
        case LineKind.PAYMENT:
            details = {"statement_file": str(file_id), "statement_line": str(line_id)}
            payment = ProviderPayment(
                reference=reference, amount=amount, paid_at=occurred_at, details=details
            )
            return _apply_payment(
                scope,
                attempt_id,
                payment,
                payment_reference=payment_reference,
                operation_key=operation_key,
                now=now,
            )
        case LineKind.REFUND:
            outcome = Done(reference=reference, amount=amount)
            apply_refund_truth(
                scope=scope, refund_id=refund_id, outcome=outcome, learned_from=LearnedFrom.STATEMENT, now=now
            )
        case LineKind.REFUND_REVERSAL:
            back = Reversed(reference=reference, code="returned", message="The provider's statement says so.")
            apply_refund_truth(
                scope=scope, refund_id=refund_id, outcome=back, learned_from=LearnedFrom.STATEMENT, now=now
            )
        case found:
            status, taken, given = _DISPUTES[found]
            news = DisputeNews(
                reference=reference,
                status=status,
                amount=amount,
                reason=said,
                withdrawn=Money(amount.amount_minor * taken, currency),
                reinstated=Money(amount.amount_minor * given, currency),
            )
            apply_dispute_news(
                scope=scope, attempt_id=attempt_id, news=news, learned_from=LearnedFrom.STATEMENT, now=now
            )
    return True


def ask_soon(waiting: Sequence[tuple[uuid.UUID | None, uuid.UUID | None]], *, now: dt.datetime) -> None:
    """Let the resolver ask about these attempts and refunds at once. Runs in the caller's transaction."""
    attempts = [attempt_id for attempt_id, refund_id in waiting if attempt_id and not refund_id]
    refunds = [refund_id for _, refund_id in waiting if refund_id]
    PaymentAttempt.objects.filter(pk__in=attempts, status__in=sorted(OPEN | CLOSED_UNPAID)).update(
        next_probe_at=now
    )
    Refund.objects.filter(pk__in=refunds, status=RefundStatus.PROCESSING).update(next_probe_at=now)
    Capture.objects.filter(attempt_id__in=attempts, status=CaptureStatus.PROCESSING).update(next_probe_at=now)


def _apply_payment(
    scope: TenantScope,
    attempt_id: uuid.UUID,
    payment: ProviderPayment,
    *,
    payment_reference: str,
    operation_key: str,
    now: dt.datetime,
) -> bool:
    """Money of an attempt that has none yet, or of a capture whose outcome is open.

    Held money that was taken by nobody here is looked into where the provider can be asked. Where it cannot, its statement
    has the last word, as its notices have.
    """
    with atomic(scope):
        attempt = PaymentAttempt.objects.select_related("intent").get(pk=attempt_id)
        capture = Capture.objects.filter(attempt=attempt, operation_key=operation_key).first()
    if capture is not None:
        done = Done(reference=payment.reference, amount=payment.amount, details=payment.details)
        apply_capture_truth(
            scope=scope, capture_id=capture.pk, outcome=done, learned_from=LearnedFrom.STATEMENT, now=now
        )
        return True
    if attempt.intent.capture_method == CaptureMethod.AUTOMATIC:
        payment = replace(payment, reference=payment_reference or payment.reference)
    elif _can_be_asked(attempt.provider):
        return False
    apply_provider_truth(
        scope=scope,
        attempt_id=attempt_id,
        outcome=Approved(payments=(payment,)),
        learned_from=LearnedFrom.STATEMENT,
        now=now,
    )
    return True


def _can_be_asked(provider: str) -> bool:
    adapter = find_adapter(provider)
    return adapter is None or adapter.capabilities.probe
