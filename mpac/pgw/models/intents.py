"""The payment intent and its history."""

from django.db import models

from kernel.models import CurrencyField, StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.intents import EXPIRABLE, TRANSITIONS, UNENDED, IntentStatus
from mpac.pgw.domain.lateness import Source
from mpac.pgw.domain.methods import CaptureMethod, PaymentMethodCode


class PaymentIntent(StoreModel):
    """The wish to take one sum of money once, through however many attempts it needs."""

    status = models.TextField(choices=choices(IntentStatus))
    version = models.IntegerField(default=1)
    updated_at = models.DateTimeField()
    amount_minor = models.BigIntegerField()
    currency = CurrencyField()
    authorized_minor = models.BigIntegerField(default=0)
    capturing_minor = models.BigIntegerField(default=0, help_text="reserved by captures in flight")
    captured_minor = models.BigIntegerField(default=0)
    refunding_minor = models.BigIntegerField(default=0, help_text="reserved by refunds under way")
    refunded_minor = models.BigIntegerField(default=0)
    method = models.TextField(choices=choices(PaymentMethodCode), null=True)
    provider = models.TextField(null=True)
    capture_method = models.TextField(choices=choices(CaptureMethod))
    source = models.TextField(choices=choices(Source))
    device_id = models.UUIDField(null=True, help_text="the terminal that made it")
    livemode = models.BooleanField()
    reference = models.TextField(null=True)
    description = models.TextField(null=True)
    metadata = models.JSONField(default=dict)
    return_url = models.TextField(null=True)
    idempotency_key = models.TextField()
    next_action = models.JSONField(null=True)
    error_code = models.TextField(null=True)
    error_message = models.TextField(null=True)
    expires_at = models.DateTimeField()
    cancel_requested_at = models.DateTimeField(null=True)
    capture_before = models.DateTimeField(null=True, help_text="when the provider lets held money go")

    rules = TableRules(
        tenant="store",
        transitions=TRANSITIONS,
        parents=(Parent("store_id", "stores", "store_id"),),
    )

    class Meta:
        db_table = "payment_intents"
        default_manager_name = "objects"
        constraints = (
            choices_check("status", IntentStatus, "payment_intents_status"),
            choices_check("method", PaymentMethodCode, "payment_intents_method"),
            choices_check("capture_method", CaptureMethod, "payment_intents_capture_method"),
            choices_check("source", Source, "payment_intents_source"),
            # The business row keeps the key for ever, so that it can never have a second effect.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "idempotency_key"], name="payment_intents_once"
            ),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="payment_intents_amount"),
            # Never more captured than authorized, calls in flight included, never more authorized than asked for.
            models.CheckConstraint(
                condition=models.Q(
                    captured_minor__gte=0,
                    capturing_minor__gte=0,
                    capturing_minor__lte=models.F("authorized_minor") - models.F("captured_minor"),
                    authorized_minor__lte=models.F("amount_minor"),
                ),
                name="payment_intents_captured",
            ),
            # Never more refunded than captured, refunds under way included.
            models.CheckConstraint(
                condition=models.Q(
                    refunded_minor__gte=0,
                    refunding_minor__gte=0,
                    refunding_minor__lte=models.F("captured_minor") - models.F("refunded_minor"),
                ),
                name="payment_intents_refunded",
            ),
            # Succeeded means that money was captured.
            models.CheckConstraint(
                condition=~models.Q(status=IntentStatus.SUCCEEDED) | models.Q(captured_minor__gt=0),
                name="payment_intents_paid",
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "id"], name="payment_intents_newest"),
            # The expiry sweep of all tenants; small, because ended intents leave it.
            models.Index(
                fields=["expires_at"],
                name="payment_intents_expiring",
                condition=models.Q(status__in=sorted(EXPIRABLE)),
            ),
            # What a stolen terminal has under way.
            models.Index(
                fields=["device_id"],
                name="payment_intents_of_device",
                condition=models.Q(
                    device_id__isnull=False, status__in=sorted(status.value for status in UNENDED)
                ),
            ),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.status}"


class IntentEvent(StoreModel):
    """One step of an intent, or of an attempt, a capture or a refund of it. Rows are only ever added."""

    intent_id = models.UUIDField()
    attempt_id = models.UUIDField(null=True)
    capture_id = models.UUIDField(null=True)
    refund_id = models.UUIDField(null=True)
    sequence = models.IntegerField()
    from_status = models.TextField(null=True)
    to_status = models.TextField()
    actor = models.TextField()
    reason = models.TextField(default="")

    rules = TableRules(
        tenant="store",
        append_only=True,
        partitioned=True,
        parents=(Parent("intent_id", "payment_intents"),),
    )

    class Meta:
        db_table = "payment_intent_events"
        default_manager_name = "objects"
        indexes = (
            models.Index(
                fields=["psp_id", "merchant_id", "intent_id", "id"], name="payment_intent_events_newest"
            ),
        )

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status}"
