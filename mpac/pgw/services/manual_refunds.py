"""Refunds that people send, because the provider has no call for it: one shows that it was sent, another one agrees.

Whoever asked for the refund cannot be the one who agrees. The database holds the same rule.
"""

import datetime as dt
import uuid
from dataclasses import dataclass

from kernel.scrubbing import scrub_text
from kernel.tenancy import Scope
from mpac.pgw.db import atomic
from mpac.pgw.domain.refunds import RefundStatus
from mpac.pgw.errors import ReferenceDiffers, SecondPersonNeeded
from mpac.pgw.events import RefundCancelled
from mpac.pgw.models import Refund
from mpac.pgw.selectors.locks import lock_refund_with_intent
from mpac.pgw.services import sums
from mpac.pgw.services.announcements import announce_refund
from mpac.pgw.services.refund_truth import complete_refund
from mpac.pgw.services.steps import illegal_refund, move_refund


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What shows that the money was sent: the transfer's own reference, and a word about it."""

    reference: str
    note: str
    sent_at: dt.datetime


def file_evidence(
    *, scope: Scope, refund_id: uuid.UUID, evidence: Evidence, person: str, now: dt.datetime
) -> Refund:
    """Say how the money was sent. It may be said again, better, until somebody has agreed.

    Raises NotFound and IllegalRefundTransition.
    """
    with atomic(scope):
        refund = _waiting(refund_id)
        refund.evidence = {
            "reference": scrub_text(evidence.reference.strip()),
            "note": scrub_text(evidence.note),
            "sent_at": evidence.sent_at.isoformat(),
            "filed_at": now.isoformat(),
        }
        refund.evidence_by = person
        refund.save(update_fields=["evidence", "evidence_by"])
    return refund


def approve_refund(
    *, scope: Scope, refund_id: uuid.UUID, reference: str, person: str, now: dt.datetime
) -> Refund:
    """Agree, as a second person who has seen the transfer's reference, too, that the money was sent: the refund is completed.

    Raises NotFound, IllegalRefundTransition while there is no evidence, SecondPersonNeeded, and ReferenceDiffers, also when
    other evidence was filed meanwhile.
    """
    with atomic(scope):
        refund = _waiting(refund_id)
        if refund.evidence is None:
            raise illegal_refund(refund)
        if person in {refund.evidence_by, refund.requested_by}:
            raise SecondPersonNeeded
        if scrub_text(reference.strip()) != refund.evidence["reference"]:
            raise ReferenceDiffers
        complete_refund(
            refund, reference=refund.evidence["reference"], actor=person, approved_by=person, now=now
        )
    return refund


def cancel_refund(*, scope: Scope, refund_id: uuid.UUID, person: str, now: dt.datetime) -> Refund:
    """Call off a refund that nobody has sent yet; its amount is free again.

    Raises NotFound, and IllegalRefundTransition when it was sent, or gives late money back, which has to go.
    """
    with atomic(scope):
        refund = _waiting(refund_id)
        if refund.evidence is not None or refund.late_payment_id is not None:
            raise illegal_refund(refund)
        move_refund(refund, RefundStatus.CANCELLED, actor=person, now=now)
        sums.free_refund(refund.intent, refund.amount_minor)
        announce_refund(RefundCancelled, refund, now=now)
    return refund


def _waiting(refund_id: uuid.UUID) -> Refund:
    """A locked refund that waits for people. Raises NotFound and IllegalRefundTransition."""
    refund = lock_refund_with_intent(refund_id)
    if refund.status != RefundStatus.PENDING:
        raise illegal_refund(refund)
    return refund
