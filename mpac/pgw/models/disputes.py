"""The dispute and its history."""

from django.db import models

from kernel.models import CurrencyField, StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.disputes import CLOSED, TRANSITIONS, DisputeStatus


class Dispute(StoreModel):
    """One card payment that its payer's bank takes back, wholly or in part."""

    intent = models.ForeignKey(
        "pgw.PaymentIntent", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    attempt = models.ForeignKey(
        "pgw.PaymentAttempt", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    status = models.TextField(choices=choices(DisputeStatus))
    status_at = models.DateTimeField()
    version = models.IntegerField(default=1)
    amount_minor = models.BigIntegerField()
    currency = CurrencyField()
    reason = models.TextField()
    withdrawn_minor = models.BigIntegerField(
        default=0, help_text="all that the provider took from the merchant, fees included where it tells them"
    )
    reinstated_minor = models.BigIntegerField(default=0, help_text="all that it gave back")
    funds_currency = CurrencyField(null=True, help_text="of both, once one is told")
    evidence_due_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    provider = models.TextField()
    provider_reference = models.TextField()
    livemode = models.BooleanField()

    rules = TableRules(
        tenant="store",
        transitions=TRANSITIONS,
        parents=(Parent("intent_id", "payment_intents"), Parent("attempt_id", "payment_attempts")),
    )

    class Meta:
        db_table = "disputes"
        default_manager_name = "objects"
        constraints = (
            choices_check("status", DisputeStatus, "disputes_status"),
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "provider", "provider_reference"], name="disputes_once"
            ),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="disputes_amount"),
            models.CheckConstraint(
                condition=models.Q(withdrawn_minor=0, reinstated_minor=0)
                | models.Q(withdrawn_minor__gte=0, reinstated_minor__gte=0, funds_currency__isnull=False),
                name="disputes_funds",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=sorted(CLOSED), closed_at__isnull=False)
                | (~models.Q(status__in=sorted(CLOSED)) & models.Q(closed_at__isnull=True)),
                name="disputes_closed",
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "id"], name="disputes_newest"),
            models.Index(fields=["psp_id", "merchant_id", "intent"], name="disputes_of_intent"),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.provider_reference} {self.status}"


class DisputeEvent(StoreModel):
    """One step of a dispute. Rows are only ever added."""

    dispute_id = models.UUIDField()
    sequence = models.IntegerField()
    from_status = models.TextField(null=True)
    to_status = models.TextField()
    actor = models.TextField()
    reason = models.TextField(default="")

    rules = TableRules(tenant="store", append_only=True, parents=(Parent("dispute_id", "disputes"),))

    class Meta:
        db_table = "dispute_events"
        default_manager_name = "objects"
        constraints = (
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "dispute_id", "sequence"], name="dispute_events_sequence"
            ),
        )

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status}"
