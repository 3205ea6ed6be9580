"""What people show about attempts whose providers do not say what became of them."""

from django.db import models

from kernel.models import CurrencyField, StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.evidence import TRANSITIONS, EvidenceStatus, Verdict


class AttemptEvidence(StoreModel):
    """One person's word about one attempt, and what a second person said to it."""

    intent_id = models.UUIDField()
    attempt = models.ForeignKey(
        "pgw.PaymentAttempt", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    status = models.TextField(choices=choices(EvidenceStatus), default=EvidenceStatus.PROPOSED)
    verdict = models.TextField(choices=choices(Verdict))
    reference = models.TextField(help_text="the movement of money, or the document that shows there was none")
    amount_minor = models.BigIntegerField()
    currency = CurrencyField()
    happened_at = models.DateTimeField()
    note = models.TextField()
    proposed_by = models.TextField()
    decided_by = models.TextField(null=True)
    decided_at = models.DateTimeField(null=True)
    decision_note = models.TextField(default="")

    rules = TableRules(
        tenant="store",
        transitions=TRANSITIONS,
        parents=(Parent("intent_id", "payment_intents"), Parent("attempt_id", "payment_attempts")),
    )

    class Meta:
        db_table = "attempt_evidence"
        default_manager_name = "objects"
        verbose_name_plural = "attempt evidence"
        constraints = (
            choices_check("status", EvidenceStatus, "attempt_evidence_status"),
            choices_check("verdict", Verdict, "attempt_evidence_verdict"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="attempt_evidence_amount"),
            models.CheckConstraint(
                condition=~models.Q(reference="") & ~models.Q(proposed_by=""), name="attempt_evidence_shown"
            ),
            # Nobody agrees to what they have shown themselves. Whoever has shown it may withdraw it.
            models.CheckConstraint(
                condition=models.Q(
                    status=EvidenceStatus.PROPOSED, decided_by__isnull=True, decided_at__isnull=True
                )
                | models.Q(
                    models.Q(status=EvidenceStatus.REFUSED) | ~models.Q(decided_by=models.F("proposed_by")),
                    status__in=[EvidenceStatus.AGREED, EvidenceStatus.REFUSED],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
                name="attempt_evidence_two_people",
            ),
            # One at a time, so that a second person knows what they agree to.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "attempt"],
                condition=models.Q(status=EvidenceStatus.PROPOSED),
                name="attempt_evidence_one_open",
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "intent_id"], name="attempt_evidence_of_intent"),
        )

    def __str__(self) -> str:
        return f"{self.verdict} {self.reference}"
