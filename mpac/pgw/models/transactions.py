"""What providers told us, one row an answer, and the references that may count only once."""

from django.db import models

from kernel.models import CurrencyField, StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.movements import MovementKind


class PaymentTransaction(StoreModel):
    """One answer of a provider about an attempt, or about a capture or refund of it. Rows are only ever added."""

    payment_intent_id = models.UUIDField()
    attempt_id = models.UUIDField()
    operation_id = models.UUIDField(null=True, help_text="the capture or refund that it is about")
    provider_name = models.TextField()
    learned_from = models.TextField(help_text="how we learned it: answer, probe or webhook")
    status = models.TextField(help_text="what the provider said")
    amount_minor = models.BigIntegerField()
    currency = CurrencyField()
    provider_reference = models.TextField(null=True)
    error_code = models.TextField(null=True)
    details = models.JSONField(default=dict)

    rules = TableRules(
        tenant="store",
        append_only=True,
        partitioned=True,
        parents=(Parent("attempt_id", "payment_attempts"),),
    )

    class Meta:
        db_table = "payment_transactions"
        default_manager_name = "objects"
        indexes = (
            models.Index(
                fields=["psp_id", "merchant_id", "payment_intent_id", "id"],
                name="payment_transactions_newest",
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider_name} {self.status}"


class ProviderReference(StoreModel):
    """A provider's own id of a movement of money: whoever inserts it first may count it, and nobody twice.

    Not partitioned, because uniqueness must hold for ever.
    """

    provider = models.TextField()
    kind = models.TextField(choices=choices(MovementKind), default=MovementKind.PAYMENT)
    reference = models.TextField()
    attempt_id = models.UUIDField()

    rules = TableRules(tenant="store", append_only=True, parents=(Parent("attempt_id", "payment_attempts"),))

    class Meta:
        db_table = "provider_references"
        default_manager_name = "objects"
        constraints = (
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "provider", "kind", "reference"],
                name="provider_references_once",
            ),
            choices_check("kind", MovementKind, "provider_references_kind"),
        )
        indexes = (
            # What a period of a provider's statement should tell.
            models.Index(
                fields=["psp_id", "merchant_id", "provider", "created_at"], name="provider_references_period"
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.reference}"
