"""The history of states: what was, what became, who did it and when."""

from typing import ClassVar

from django.db import models

from kernel.models import StoreModel
from kernel.schema import TableRules


class StateChange(StoreModel):
    """One transition of an order, a bill or a payment. Written in the transaction of the change, never edited."""

    subject = models.TextField()
    subject_id = models.UUIDField()
    from_status = models.TextField(default="")
    to_status = models.TextField()
    actor = models.TextField()
    reason = models.TextField(default="")
    occurred_at = models.DateTimeField()

    rules: ClassVar[TableRules] = TableRules(tenant="store", append_only=True)

    class Meta(StoreModel.Meta):
        db_table = "state_changes"
        constraints = (
            # The three aggregates that have states here.
            models.CheckConstraint(
                condition=models.Q(subject__in=["order", "bill", "payment"]), name="state_change_subject"
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "subject_id"], name="state_change_subject_idx"),
        )

    def __str__(self) -> str:
        return f"{self.subject} {self.from_status} -> {self.to_status}"
