"""Money that arrived when its intent could no longer simply succeed."""

from django.db import models

from kernel.models import CurrencyField, StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.late_payments import TRANSITIONS, LatePaymentStatus, LateReason


class LatePayment(StoreModel):
    """A sum that is really there and belongs to nobody yet: accepted for its intent or returned to its payer."""

    intent = models.ForeignKey(
        "pgw.PaymentIntent", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    attempt = models.ForeignKey(
        "pgw.PaymentAttempt", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    status = models.TextField(choices=choices(LatePaymentStatus))
    reason = models.TextField(choices=choices(LateReason))
    version = models.IntegerField(default=1)
    provider = models.TextField()
    provider_reference = models.TextField()
    amount_minor = models.BigIntegerField()
    currency = CurrencyField()
    return_reason = models.TextField(default="")
    decided_at = models.DateTimeField(null=True)

    rules = TableRules(
        tenant="store",
        transitions=TRANSITIONS,
        parents=(Parent("intent_id", "payment_intents"), Parent("attempt_id", "payment_attempts")),
    )

    class Meta:
        db_table = "late_payments"
        default_manager_name = "objects"
        constraints = (
            choices_check("status", LatePaymentStatus, "late_payments_status"),
            choices_check("reason", LateReason, "late_payments_reason"),
            # One movement of money is late once.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "provider", "provider_reference"], name="late_payments_once"
            ),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="late_payments_amount"),
        )
        indexes = (models.Index(fields=["psp_id", "merchant_id", "intent"], name="late_payments_of_intent"),)

    def __str__(self) -> str:
        return f"{self.provider_reference} {self.status}"
