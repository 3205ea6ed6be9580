"""What a statement's line proves about something whose outcome is open, or makes us ask."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from kernel.money import Money
from kernel.tenancy import TenantScope
from mpac.pgw.adapters.port import Approved, DisputeNews, Done, ProviderPayment, Reversed
from mpac.pgw.db import atomic
from mpac.pgw.domain.attempts import CLOSED_UNPAID, OPEN
from mpac.pgw.domain.disputes import DisputeStatus
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.domain.refunds import RefundStatus
from mpac.pgw.domain.statements.lines import LineKind
from mpac.pgw.models import PaymentAttempt, Refund
from mpac.pgw.services.disputes import apply_dispute_news
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.refund_truth import apply_refund_truth
from mpac.pgw.services.truth import apply_provider_truth

_DISPUTES = {
    LineKind.CHARGEBACK: DisputeStatus.OPENED,
    LineKind.CHARGEBACK_REVERSAL: DisputeStatus.WON,
    LineKind.SECOND_CHARGEBACK: DisputeStatus.LOST,
}


def apply_line(*, scope: TenantScope, line: Sequence[Any], now: dt.datetime) -> bool:
    """Store what an undecided line proves; False where it proves nothing that may be stored."""
    line_id, kind, said, reference, payment_reference, amount_minor, currency, occurred_at = line[:8]
    attempt_id, refund_id, file_id = line[8:]
    amount = Money(abs(amount_minor), currency)
    match LineKind(kind):
        case LineKind.PAYMENT:
            payment = ProviderPayment(
                reference=payment_reference or reference,
                amount=amount,
                paid_at=occurred_at,
                details={"statement_file": str(file_id), "statement_line": str(line_id)},
            )
            return _apply_payment(scope, attempt_id, payment, now=now)
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
            news = DisputeNews(reference=reference, status=_DISPUTES[found], amount=amount, reason=said)
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


def _apply_payment(
    scope: TenantScope, attempt_id: uuid.UUID, payment: ProviderPayment, *, now: dt.datetime
) -> bool:
    """Money of an attempt that has none yet. What was held may be captured in parts: there the provider is asked."""
    with atomic(scope):
        attempt = PaymentAttempt.objects.select_related("intent").get(pk=attempt_id)
    if attempt.intent.capture_method != CaptureMethod.AUTOMATIC:
        return False
    apply_provider_truth(
        scope=scope,
        attempt_id=attempt_id,
        outcome=Approved(payments=(payment,)),
        learned_from=LearnedFrom.STATEMENT,
        now=now,
    )
    return True
