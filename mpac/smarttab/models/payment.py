"""Payments: one tender on a bill. Status is derived from kept facts; the constraints tie it to the money."""

from typing import ClassVar

from django.db import models

from kernel.models import CurrencyField, StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.smarttab.domain.payments import PaymentFacts
from mpac.smarttab.domain.states import (
    CAPTURED_STATUSES,
    PAYMENT_TRANSITIONS,
    LateDecision,
    PaymentMethod,
    PaymentStatus,
)
from mpac.smarttab.models.bill import Bill
from mpac.smarttab.models.order import Order

_CAPTURED = sorted(status.value for status in CAPTURED_STATUSES)


class Payment(StoreModel):
    """Money asked of a guest for a bill, by one method."""

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="payments", db_constraint=False, db_index=False
    )
    bill = models.ForeignKey(
        Bill, on_delete=models.PROTECT, related_name="payments", db_constraint=False, db_index=False
    )
    device_id = models.UUIDField(null=True)
    method = models.TextField(choices=choices(PaymentMethod))
    provider = models.TextField(default="")
    status = models.TextField(choices=choices(PaymentStatus))
    currency = CurrencyField()
    amount_minor = models.BigIntegerField()
    tendered_minor = models.BigIntegerField(null=True)
    captured_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    disputed_minor = models.BigIntegerField(default=0)
    payment_intent_id = models.TextField(null=True)
    next_action = models.JSONField(null=True)
    failure_code = models.TextField(default="")
    failure_message = models.TextField(default="")
    late_decision = models.TextField(default="")
    livemode = models.BooleanField()
    version = models.IntegerField(default=1)
    idempotency_key = models.TextField(null=True)
    updated_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    resumed_at = models.DateTimeField(null=True)  # when the resuming job last took it up

    rules: ClassVar[TableRules] = TableRules(
        tenant="store",
        transitions=PAYMENT_TRANSITIONS,
        parents=(Parent("order_id", "orders"), Parent("bill_id", "bills")),
    )

    class Meta(StoreModel.Meta):
        db_table = "payments"
        constraints = (
            choices_check("status", PaymentStatus, "payment_status"),
            choices_check("method", PaymentMethod, "payment_method"),
            # A key has one effect for ever, also when its stored answer is gone.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "idempotency_key"], name="payment_key_once"
            ),
            # An intent pays one payment.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "payment_intent_id"], name="payment_intent_once"
            ),
            # Facts stay within one another: given back and disputed within captured, captured within the amount.
            models.CheckConstraint(
                condition=models.Q(
                    amount_minor__gt=0,
                    captured_minor__gte=0,
                    captured_minor__lte=models.F("amount_minor"),
                    refunded_minor__gte=0,
                    refunded_minor__lte=models.F("captured_minor"),
                    disputed_minor__gte=0,
                    disputed_minor__lte=models.F("captured_minor"),
                ),
                name="payment_facts_range",
            ),
            # The status says that money came exactly when money came.
            models.CheckConstraint(
                condition=models.Q(status__in=_CAPTURED, captured_minor__gt=0)
                | (~models.Q(status__in=_CAPTURED) & models.Q(captured_minor=0)),
                name="payment_status_fits_money",
            ),
            # Cash is tendered, at least the amount; nothing else is.
            models.CheckConstraint(
                condition=models.Q(
                    method=PaymentMethod.CASH.value, tendered_minor__gte=models.F("amount_minor")
                )
                | (~models.Q(method=PaymentMethod.CASH.value) & models.Q(tendered_minor__isnull=True)),
                name="payment_tendered",
            ),
            models.CheckConstraint(
                condition=models.Q(late_decision__in=["", *(d.value for d in LateDecision)]),
                name="payment_late_decision",
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "bill"], name="payment_by_bill"),
            models.Index(fields=["psp_id", "merchant_id", "store_id", "-id"], name="payment_newest"),
            # What the resuming job looks for, across tenants: few rows at any time.
            models.Index(
                fields=["started_at"],
                condition=models.Q(status=PaymentStatus.PROCESSING.value),
                name="payment_under_way",
            ),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.amount_minor} {self.currency} {self.status}"

    @property
    def facts(self) -> PaymentFacts:
        """What is known of this payment; `domain.payments.status_of` says what it amounts to."""
        return PaymentFacts(
            amount_minor=self.amount_minor,
            captured_minor=self.captured_minor,
            refunded_minor=self.refunded_minor,
            disputed_minor=self.disputed_minor,
            is_started=self.started_at is not None,
            has_failed=self.failed_at is not None,
            is_cancelled=self.cancelled_at is not None,
        )

    @property
    def change_minor(self) -> int | None:
        """What the guest gets back of the cash, or None when it is not cash."""
        return None if self.tendered_minor is None else int(self.tendered_minor - self.amount_minor)
