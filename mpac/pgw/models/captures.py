"""The capture: held money taken, all of it or a part."""

from django.db import models

from kernel.models import CurrencyField, StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.captures import TRANSITIONS, CaptureStatus


class Capture(StoreModel):
    """One call that takes held money. Its amount is reserved on the intent while the outcome is open."""

    intent = models.ForeignKey(
        "pgw.PaymentIntent",
        on_delete=models.PROTECT,
        related_name="captures",
        db_constraint=False,
        db_index=False,
    )
    attempt = models.ForeignKey(
        "pgw.PaymentAttempt", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    status = models.TextField(choices=choices(CaptureStatus))
    status_at = models.DateTimeField()
    version = models.IntegerField(default=1)
    amount_minor = models.BigIntegerField()
    currency = CurrencyField()
    final = models.BooleanField(help_text="what is not captured with it is let go")
    provider = models.TextField()
    operation_key = models.TextField(help_text="our key of this capture at the provider")
    provider_reference = models.TextField(null=True)
    livemode = models.BooleanField()
    requested_by = models.TextField()
    idempotency_key = models.TextField()
    error_code = models.TextField(null=True)
    error_message = models.TextField(null=True)
    probes = models.IntegerField(default=0)
    next_probe_at = models.DateTimeField(null=True)

    rules = TableRules(
        tenant="store",
        transitions=TRANSITIONS,
        parents=(Parent("intent_id", "payment_intents"), Parent("attempt_id", "payment_attempts")),
    )

    class Meta:
        db_table = "captures"
        default_manager_name = "objects"
        constraints = (
            choices_check("status", CaptureStatus, "captures_status"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="captures_amount"),
            # The business row keeps the key for ever, so that it can never have a second effect.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "idempotency_key"], name="captures_once"
            ),
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "provider", "operation_key"], name="captures_key"
            ),
            # One at a time, so that what is left of a hold is never in doubt.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "intent"],
                condition=models.Q(status=CaptureStatus.PROCESSING),
                name="captures_one_open",
            ),
            # An open outcome has a next question.
            models.CheckConstraint(
                condition=~models.Q(status=CaptureStatus.PROCESSING) | models.Q(next_probe_at__isnull=False),
                name="captures_asked_about",
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "intent", "id"], name="captures_of_intent"),
            # The resolver's queue over all tenants; small, because decided captures leave it.
            models.Index(
                fields=["next_probe_at"],
                name="captures_due",
                condition=models.Q(next_probe_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.operation_key} {self.status}"
