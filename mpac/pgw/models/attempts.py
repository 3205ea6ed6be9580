"""The payment attempt: one charge at one provider under one key."""

from django.db import models

from kernel.models import CurrencyField, StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.attempts import OPEN, TRANSITIONS, UNANSWERED, AttemptStatus


class PaymentAttempt(StoreModel):
    """One charge at one provider. Retries of it use the same `provider_key`; another try is another attempt."""

    intent = models.ForeignKey(
        "pgw.PaymentIntent",
        on_delete=models.PROTECT,
        related_name="attempts",
        db_constraint=False,
        db_index=False,
    )
    number = models.SmallIntegerField()
    status = models.TextField(choices=choices(AttemptStatus))
    status_at = models.DateTimeField()
    version = models.IntegerField(default=1)
    provider = models.TextField()
    account = models.JSONField(
        help_text="how the provider knows the store, as it was when the attempt opened"
    )
    provider_key = models.TextField()
    provider_reference = models.TextField(null=True)
    amount_minor = models.BigIntegerField()
    currency = CurrencyField()
    captured_minor = models.BigIntegerField(default=0)
    livemode = models.BooleanField()
    error_code = models.TextField(null=True)
    error_message = models.TextField(null=True)
    agreed_at = models.DateTimeField(
        null=True, help_text="when its payer was found to have agreed, until the provider is told to take it"
    )
    finish_sent_at = models.DateTimeField(
        null=True, help_text="when the provider was last told to take what its payer has agreed to"
    )
    probes = models.IntegerField(default=0)
    next_probe_at = models.DateTimeField(null=True)
    payment_token_sealed = models.TextField(null=True)

    rules = TableRules(
        tenant="store",
        transitions=TRANSITIONS,
        parents=(Parent("intent_id", "payment_intents"),),
        sealed=("payment_token_sealed",),
    )

    class Meta:
        db_table = "payment_attempts"
        default_manager_name = "objects"
        constraints = (
            choices_check("status", AttemptStatus, "payment_attempts_status"),
            # While an outcome is open nothing else may be tried: this is what makes a double charge impossible.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "intent"],
                condition=models.Q(status__in=sorted(OPEN)),
                name="payment_attempts_one_open",
            ),
            # At most one successful charge per intent.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "intent"],
                condition=models.Q(status=AttemptStatus.CAPTURED),
                name="payment_attempts_one_captured",
            ),
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "intent", "number"], name="payment_attempts_number"
            ),
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "provider", "provider_key"], name="payment_attempts_key"
            ),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="payment_attempts_amount"),
            # Captured is a state and a sum, and the two agree; of held money a part may have been taken.
            models.CheckConstraint(
                condition=models.Q(
                    status=AttemptStatus.CAPTURED,
                    captured_minor__gt=0,
                    captured_minor__lte=models.F("amount_minor"),
                )
                | models.Q(
                    status=AttemptStatus.AUTHORIZED,
                    captured_minor__gte=0,
                    captured_minor__lt=models.F("amount_minor"),
                )
                | (
                    ~models.Q(status__in=[AttemptStatus.CAPTURED, AttemptStatus.AUTHORIZED])
                    & models.Q(captured_minor=0)
                ),
                name="payment_attempts_captured",
            ),
            # A token is kept for the call that it was given for, and for that call made again: no longer.
            models.CheckConstraint(
                condition=models.Q(payment_token_sealed=None) | models.Q(status__in=sorted(UNANSWERED)),
                name="payment_attempts_token",
            ),
        )
        indexes = (
            # The resolver's queue over all tenants; small, because resolved attempts leave it.
            models.Index(
                fields=["next_probe_at"],
                name="payment_attempts_due",
                condition=models.Q(next_probe_at__isnull=False),
            ),
            # A callback names the key before its tenant is known.
            models.Index(fields=["provider_key"], name="payment_attempts_by_key"),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.provider_key}"

    def sealed_for(self) -> str:
        """What binds a token to its row and to the provider that issued it."""
        return f"payment-attempt:{self.psp_id}:{self.merchant_id}:{self.pk}:{self.provider}"
