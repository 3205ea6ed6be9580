"""Bills: what is asked of the guest. The row itself refuses to take more than it asks."""

from typing import ClassVar

from django.db import models

from kernel.models import CurrencyField, StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.smarttab.domain.states import BILL_TRANSITIONS, BillStatus
from mpac.smarttab.models.order import Order


class Bill(StoreModel):
    """What is due for an order. `reserved_minor` is the sum of payments under way: it is promised, not paid."""

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="bills", db_constraint=False, db_index=False
    )
    device_id = models.UUIDField(null=True)
    number = models.TextField()
    order_revision = models.IntegerField()
    status = models.TextField(choices=choices(BillStatus))
    currency = CurrencyField()
    total_minor = models.BigIntegerField()
    paid_minor = models.BigIntegerField(default=0)
    reserved_minor = models.BigIntegerField(default=0)
    livemode = models.BooleanField(db_default=False)
    version = models.IntegerField(default=1)
    idempotency_key = models.TextField(null=True)
    updated_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)

    rules: ClassVar[TableRules] = TableRules(
        tenant="store", transitions=BILL_TRANSITIONS, parents=(Parent("order_id", "orders"),)
    )

    class Meta(StoreModel.Meta):
        db_table = "bills"
        constraints = (
            choices_check("status", BillStatus, "bill_status"),
            # A key has one effect for ever, also when its stored answer is gone.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "idempotency_key"], name="bill_key_once"
            ),
            # One open bill per order: two would ask for the same money twice.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "order"],
                condition=models.Q(status=BillStatus.OPEN.value),
                name="bill_open_once",
            ),
            # Never more paid or under way than is asked.
            models.CheckConstraint(
                condition=models.Q(paid_minor__gte=0, reserved_minor__gte=0)
                & models.Q(total_minor__gte=models.F("paid_minor") + models.F("reserved_minor")),
                name="bill_never_overpaid",
            ),
            # Closed means paid in full; voided means that no money came; nothing is under way in either.
            models.CheckConstraint(
                condition=models.Q(status=BillStatus.OPEN.value)
                | models.Q(
                    status=BillStatus.CLOSED.value, paid_minor=models.F("total_minor"), reserved_minor=0
                )
                | models.Q(status=BillStatus.VOIDED.value, paid_minor=0, reserved_minor=0),
                name="bill_status_fits_money",
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "order"], name="bill_by_order"),
            models.Index(
                fields=["psp_id", "merchant_id", "store_id", "status", "-id"], name="bill_by_status"
            ),
        )

    def __str__(self) -> str:
        return f"bill {self.number}"

    @property
    def due_minor(self) -> int:
        """What the guest still owes, payments under way not counted as paid."""
        return int(self.total_minor - self.paid_minor)
