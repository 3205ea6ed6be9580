"""Money that came without a provider's word: one person shows that it did, another one agrees.

Both are kept in the append-only record of what was learned about the attempt. Once agreed to, the money is taken like any
other, so that a transfer counts once by its reference, and one that is late, doubled or of another sum is handled as such.
"""

import datetime as dt
import uuid
from dataclasses import dataclass

from kernel.errors import NotFound
from kernel.money import Money
from kernel.scrubbing import scrub_text
from kernel.tenancy import Scope
from mpac.pgw.adapters.manual.adapter import NAME
from mpac.pgw.adapters.port import Approved, ProviderPayment
from mpac.pgw.db import atomic
from mpac.pgw.errors import SecondPersonNeeded
from mpac.pgw.models import PaymentAttempt, PaymentIntent, PaymentTransaction
from mpac.pgw.selectors.locks import lock_attempt_with_intent
from mpac.pgw.services.evidence import LearnedFrom, remember
from mpac.pgw.services.truth import apply_provider_truth

FILED, AGREED = "evidence_filed", "evidence_agreed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What shows that money came: the transfer's own reference at the bank, its sum, and a word about it."""

    reference: str
    amount: Money
    received_at: dt.datetime
    note: str = ""


def file_receipt(*, scope: Scope, attempt_id: uuid.UUID, receipt: Receipt, person: str) -> None:
    """Show that money came for an attempt. It may be shown again, better, until somebody has agreed.

    Raises NotFound, also for an attempt at a provider that can speak for itself.
    """
    with atomic(scope):
        remember(
            _lock(attempt_id),
            learned_from=LearnedFrom.PERSON,
            status=FILED,
            amount=receipt.amount,
            reference=scrub_text(receipt.reference),
            details={
                "note": scrub_text(receipt.note),
                "received_at": receipt.received_at.isoformat(),
                "person": person,
            },
        )


def agree_to_receipt(
    *, scope: Scope, attempt_id: uuid.UUID, reference: str, person: str, now: dt.datetime
) -> PaymentIntent:
    """Agree that the transfer with this reference came, as a second person: its money is taken. Safe to repeat.

    Raises NotFound when nobody has shown it, and SecondPersonNeeded for whoever has.
    """
    with atomic(scope):
        attempt = _lock(attempt_id)
        filed = PaymentTransaction.objects.filter(
            attempt_id=attempt.pk, status=FILED, provider_reference=reference
        )
        receipts = list(filed.order_by("pk"))
        if not receipts:
            raise NotFound
        if person in {receipt.details["person"] for receipt in receipts}:
            raise SecondPersonNeeded
        shown = receipts[-1]
        amount = Money(shown.amount_minor, shown.currency)
        remember(
            attempt,
            learned_from=LearnedFrom.PERSON,
            status=AGREED,
            amount=amount,
            reference=reference,
            details={"person": person},
        )
    received_at = dt.datetime.fromisoformat(shown.details["received_at"])
    payment = ProviderPayment(reference=reference, amount=amount, paid_at=received_at)
    return apply_provider_truth(
        scope=scope,
        attempt_id=attempt_id,
        outcome=Approved(payments=(payment,)),
        learned_from=LearnedFrom.PERSON,
        now=now,
    )


def _lock(attempt_id: uuid.UUID) -> PaymentAttempt:
    """A locked attempt that only people can speak for. Raises NotFound."""
    _, attempt = lock_attempt_with_intent(attempt_id)
    if attempt.provider != NAME:
        raise NotFound
    return attempt
