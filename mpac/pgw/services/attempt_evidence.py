"""What became of an attempt by the word of two people, where no provider says: one shows it, another one agrees.

That is so for a bank transfer that people look after, and for an attempt whose outcome stays unknown. What was agreed to
counts like a provider's own word, through `services.truth`: a movement of money counts once by its reference, one that is
late, doubled or of another sum is handled as such, and a provider that speaks up later is heard. The database holds the
rule that the two differ, too.
"""

import datetime as dt
import uuid
from dataclasses import dataclass

from kernel.errors import NotFound
from kernel.money import Money
from kernel.scrubbing import scrub_text
from kernel.tenancy import Scope
from mpac.pgw.adapters.manual.adapter import NAME as MANUAL
from mpac.pgw.adapters.port import Approved, Declined, ProviderPayment
from mpac.pgw.db import atomic
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.domain.evidence import EvidenceStatus, Verdict
from mpac.pgw.errors import (
    EvidenceDecided,
    EvidenceWaits,
    NothingToSettle,
    ReferenceDiffers,
    SecondPersonNeeded,
)
from mpac.pgw.models import AttemptEvidence, PaymentAttempt, PaymentIntent
from mpac.pgw.selectors.locks import lock_attempt_with_intent
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.truth import apply_provider_truth

NOT_PAID = Declined(code="settled_by_people", message="Two people found that no money came.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What somebody found: whether money came, which shows by `reference`, how much and when."""

    verdict: Verdict
    reference: str
    amount: Money
    happened_at: dt.datetime
    note: str


def is_for_people(attempt: PaymentAttempt, verdict: Verdict | None = None) -> bool:
    """Whether people may say what became of an attempt, or this of it."""
    if attempt.provider == MANUAL:
        return verdict is not Verdict.NOT_PAID
    return bool(attempt.status == AttemptStatus.UNKNOWN)


def propose_evidence(
    *, scope: Scope, attempt_id: uuid.UUID, finding: Finding, person: str
) -> AttemptEvidence:
    """Show what became of an attempt, as the first person.

    Raises NotFound, NothingToSettle where the provider is the one to ask, and EvidenceWaits.
    """
    with atomic(scope):
        _, attempt = lock_attempt_with_intent(attempt_id)
        if not is_for_people(attempt, finding.verdict):
            raise NothingToSettle
        if AttemptEvidence.objects.filter(attempt=attempt, status=EvidenceStatus.PROPOSED).exists():
            raise EvidenceWaits
        evidence = AttemptEvidence(
            psp_id=attempt.psp_id,
            merchant_id=attempt.merchant_id,
            store_id=attempt.store_id,
            intent_id=attempt.intent_id,
            attempt=attempt,
            verdict=finding.verdict,
            reference=scrub_text(finding.reference.strip()),
            amount_minor=finding.amount.amount_minor,
            currency=finding.amount.currency,
            happened_at=finding.happened_at,
            note=scrub_text(finding.note.strip()),
            proposed_by=person,
        )
        evidence.save(force_insert=True)
    return evidence


def agree_to_evidence(
    *, scope: Scope, evidence_id: uuid.UUID, reference: str, person: str, now: dt.datetime
) -> PaymentIntent:
    """Agree, as a second person who has seen the reference, too: it counts. Safe to repeat.

    Raises NotFound, SecondPersonNeeded, ReferenceDiffers, EvidenceDecided, and NothingToSettle when the provider has spoken
    meanwhile.
    """
    with atomic(scope):
        evidence, intent = _lock_evidence(evidence_id)
        if evidence.status == EvidenceStatus.AGREED and evidence.decided_by == person:
            return intent
        if evidence.status != EvidenceStatus.PROPOSED:
            raise EvidenceDecided
        if evidence.proposed_by == person:
            raise SecondPersonNeeded
        if scrub_text(reference.strip()) != evidence.reference:
            raise ReferenceDiffers
        verdict = Verdict(evidence.verdict)
        if not is_for_people(evidence.attempt, verdict):
            raise NothingToSettle
        _decide(evidence, EvidenceStatus.AGREED, person=person, note="", now=now)
        paid = ProviderPayment(
            reference=evidence.reference,
            amount=Money(evidence.amount_minor, evidence.currency),
            paid_at=evidence.happened_at,
        )
        return apply_provider_truth(
            scope=scope,
            attempt_id=evidence.attempt_id,
            outcome=Approved(payments=(paid,)) if verdict is Verdict.PAID else NOT_PAID,
            learned_from=LearnedFrom.PERSON,
            now=now,
        )


def refuse_evidence(
    *, scope: Scope, evidence_id: uuid.UUID, note: str, person: str, now: dt.datetime
) -> AttemptEvidence:
    """Withdraw it, or say why it is not believed; other evidence may be shown then. Raises NotFound and EvidenceDecided."""
    with atomic(scope):
        evidence, _ = _lock_evidence(evidence_id)
        if evidence.status != EvidenceStatus.PROPOSED:
            raise EvidenceDecided
        _decide(evidence, EvidenceStatus.REFUSED, person=person, note=scrub_text(note.strip()), now=now)
    return evidence


def _lock_evidence(evidence_id: uuid.UUID) -> tuple[AttemptEvidence, PaymentIntent]:
    """A piece of evidence with its intent, attempt and itself locked, in this order. Raises NotFound."""
    attempt_id = AttemptEvidence.objects.filter(pk=evidence_id).values_list("attempt_id", flat=True).first()
    if attempt_id is None:
        raise NotFound
    intent, attempt = lock_attempt_with_intent(attempt_id)
    evidence: AttemptEvidence = AttemptEvidence.objects.select_for_update().get(pk=evidence_id)
    evidence.attempt = attempt
    return evidence, intent


def _decide(
    evidence: AttemptEvidence, status: EvidenceStatus, *, person: str, note: str, now: dt.datetime
) -> None:
    evidence.status, evidence.decided_by, evidence.decided_at = status, person, now
    evidence.decision_note = note
    evidence.save(update_fields=["status", "decided_by", "decided_at", "decision_note"])
