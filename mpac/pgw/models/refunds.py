"""The refund: money on its way back to its payer."""

from django.db import models

from kernel.models import CurrencyField, StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.refunds import LIVE, TRANSITIONS, RefundStatus


class Refund(StoreModel):
    """One sum given back. Its amount is reserved on the intent, or it is a late payment that counts on no intent."""

    intent = models.ForeignKey(
        "pgw.PaymentIntent",
        on_delete=models.PROTECT,
        related_name="refunds",
        db_constraint=False,
        db_index=False,
    )
    attempt = models.ForeignKey(
        "pgw.PaymentAttempt", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    late_payment = models.ForeignKey(
        "pgw.LatePayment", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False
    )
    retry_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False
    )
    status = models.TextField(choices=choices(RefundStatus))
    status_at = models.DateTimeField()
    version = models.IntegerField(default=1)
    amount_minor = models.BigIntegerField()
    currency = CurrencyField()
    reason = models.TextField()
    provider = models.TextField()
    operation_key = models.TextField(help_text="our key of this refund at the provider")
    payment_reference = models.TextField(help_text="the movement of money that is given back")
    provider_reference = models.TextField(null=True)
    livemode = models.BooleanField()
    manual = models.BooleanField(help_text="sent by people, because the provider has no call for it")
    requested_by = models.TextField()
    evidence = models.JSONField(null=True, help_text="what shows that a manual refund was sent")
    evidence_by = models.TextField(null=True)
    approved_by = models.TextField(null=True)
    idempotency_key = models.TextField()
    error_code = models.TextField(null=True)
    error_message = models.TextField(null=True)
    probes = models.IntegerField(default=0)
    next_probe_at = models.DateTimeField(null=True)

    rules = TableRules(
        tenant="store",
        transitions=TRANSITIONS,
        parents=(
            Parent("intent_id", "payment_intents"),
            Parent("attempt_id", "payment_attempts"),
            Parent("late_payment_id", "late_payments"),
            Parent("retry_of_id", "refunds"),
        ),
    )

    class Meta:
        db_table = "refunds"
        default_manager_name = "objects"
        constraints = (
            choices_check("status", RefundStatus, "refunds_status"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="refunds_amount"),
            # The business row keeps the key for ever, so that it can never have a second effect.
            models.UniqueConstraint(fields=["psp_id", "merchant_id", "idempotency_key"], name="refunds_once"),
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "provider", "operation_key"], name="refunds_key"
            ),
            # What failed is tried again once; that try may be tried again in its turn.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "retry_of"], name="refunds_retried_once"
            ),
            # Late money goes back once.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "late_payment"],
                condition=models.Q(status__in=sorted(LIVE)),
                name="refunds_late_once",
            ),
            # Only people are waited for.
            models.CheckConstraint(
                condition=~models.Q(status=RefundStatus.PENDING) | models.Q(manual=True),
                name="refunds_pending",
            ),
            # An open outcome has a next question.
            models.CheckConstraint(
                condition=~models.Q(status=RefundStatus.PROCESSING) | models.Q(next_probe_at__isnull=False),
                name="refunds_asked_about",
            ),
            # A refund by hand is done when a second person has seen the evidence; who asked for it is not that person.
            models.CheckConstraint(
                condition=~models.Q(manual=True, status__in=[RefundStatus.COMPLETED, RefundStatus.REVERSED])
                | models.Q(
                    ~models.Q(approved_by=models.F("evidence_by")),
                    ~models.Q(approved_by=models.F("requested_by")),
                    evidence__isnull=False,
                    evidence_by__isnull=False,
                    approved_by__isnull=False,
                ),
                name="refunds_two_people",
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "intent", "id"], name="refunds_of_intent"),
            # The resolver's queue over all tenants; small, because decided refunds leave it.
            models.Index(
                fields=["next_probe_at"],
                name="refunds_due",
                condition=models.Q(next_probe_at__isnull=False),
            ),
            # A statement knows a refund by the provider's own name.
            models.Index(
                fields=["psp_id", "merchant_id", "provider", "provider_reference"],
                name="refunds_by_reference",
            ),
            # A callback names the key before its tenant is known.
            models.Index(fields=["operation_key"], name="refunds_by_key"),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.operation_key} {self.status}"
