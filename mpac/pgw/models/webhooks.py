"""What providers send us: the bytes exactly as they came, and a key that makes them count once."""

import datetime as dt
from typing import Any, ClassVar

from django.db import models

from kernel import clock
from kernel.ids import created_at_of, uuid7
from kernel.models import TenantManager, choices, choices_check
from kernel.schema import TableRules
from mpac.pgw.domain.webhooks import CLAIMED, TRANSITIONS, WebhookStatus

# The raw bytes hold what payers told their banks; what they proved is kept in our own tables for ever.
KEEP_BODIES = dt.timedelta(days=90)


class WebhookEvent(models.Model):
    """One delivery: raw body and headers, stored before it is answered and never changed.

    The body is bytes, not JSON: a JSON column would reorder and merge keys, and a signature could never be checked again.
    Its tenant is empty while nobody knows what it is about; then only system scopes can read it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    psp_id = models.IntegerField(null=True)
    merchant_id = models.IntegerField(null=True)
    provider = models.TextField()
    account = models.TextField(default="")
    dedupe_key = models.TextField()
    headers = models.JSONField()
    body = models.BinaryField()
    remote_address = models.TextField(default="")

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(tenant="optional", append_only=True, partitioned=True, keep=KEEP_BODIES)

    class Meta:
        db_table = "webhook_events"
        default_manager_name = "objects"
        indexes = (models.Index(fields=["provider", "dedupe_key"], name="webhook_events_by_key"),)

    def __str__(self) -> str:
        return f"{self.provider} {self.dedupe_key}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.created_at = created_at_of(self.id)
        super().save(*args, **kwargs)


class WebhookKey(models.Model):
    """One notice, however often it is delivered, and how far it has come. Not partitioned: it holds for ever."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    psp_id = models.IntegerField(null=True)
    merchant_id = models.IntegerField(null=True)
    provider = models.TextField()
    account = models.TextField(default="")
    dedupe_key = models.TextField()
    provider_key = models.TextField(help_text="the attempt's key at the provider")
    provider_reference = models.TextField(help_text="the movement of money that the notice is about")
    operation_key = models.TextField(
        default="", help_text="our key of the refund, when the notice is about one"
    )
    dispute = models.JSONField(
        null=True, help_text="the signed news of a dispute, which nobody could ask for again"
    )
    status = models.TextField(choices=choices(WebhookStatus))
    tries = models.SmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    deliveries = models.IntegerField(default=1)
    last_error = models.TextField(default="")

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(tenant="optional", transitions=TRANSITIONS)

    class Meta:
        db_table = "webhook_keys"
        default_manager_name = "objects"
        constraints = (
            choices_check("status", WebhookStatus, "webhook_keys_status"),
            # A notice counts once, for ever.
            models.UniqueConstraint(fields=["provider", "account", "dedupe_key"], name="webhook_keys_once"),
        )
        indexes = (
            models.Index(fields=["provider", "provider_key"], name="webhook_keys_of_attempt"),
            models.Index(
                fields=["provider", "operation_key"],
                name="webhook_keys_of_operation",
                condition=~models.Q(operation_key=""),
            ),
            models.Index(
                fields=["next_try_at"],
                name="webhook_keys_due",
                condition=models.Q(status__in=sorted(CLAIMED), next_try_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.dedupe_key}"
