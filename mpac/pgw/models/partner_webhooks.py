"""What partners are told, where they want to hear it, and every call that was made for it."""

import datetime as dt
import uuid
from typing import Any, ClassVar

from django.db import models

from kernel import clock
from kernel.ids import created_at_of, uuid7
from kernel.models import TenantManager, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.partner_webhooks import (
    DELIVERY_TRANSITIONS,
    ENDPOINT_TRANSITIONS,
    DeliveryStatus,
    DisabledBecause,
    EndpointStatus,
)

PREFIX = "we"
# What was sent and answered is there to look into a fault with a partner, whether it was told is there for longer; the
# events themselves count those of their object, and stay.
KEEP_CALLS = dt.timedelta(days=90)
KEEP_DELIVERIES = dt.timedelta(days=365)


class PartnerRow(models.Model):
    """A row of one partner, with a UUIDv7 whose millisecond is `created_at`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    psp_id = models.IntegerField()
    livemode = models.BooleanField()

    objects: ClassVar[Any] = TenantManager()

    class Meta:
        abstract = True
        default_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.created_at = created_at_of(self.id)
        super().save(*args, **kwargs)


def sealing_place(psp_id: int, endpoint_id: uuid.UUID) -> str:
    """What an endpoint's sealed secrets are bound to."""
    return f"webhook-endpoint:{psp_id}:{endpoint_id}"


class WebhookEndpoint(PartnerRow):
    """An address that a partner wants to be called at. Its secrets are sealed; a rotated one signs a while longer."""

    url = models.TextField()
    description = models.TextField(default="")
    event_types = models.JSONField(help_text="the types that are sent, or * for all")
    status = models.TextField(choices=choices(EndpointStatus), default=EndpointStatus.ENABLED)
    disabled_because = models.TextField(choices=choices(DisabledBecause), null=True)
    disabled_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    secret_sealed = models.TextField()
    previous_secret_sealed = models.TextField(null=True)
    previous_secret_ends_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    rules = TableRules(
        tenant="psp",
        transitions=ENDPOINT_TRANSITIONS,
        sealed=("secret_sealed", "previous_secret_sealed"),
    )

    class Meta(PartnerRow.Meta):
        db_table = "webhook_endpoints"
        constraints = (
            choices_check("status", EndpointStatus, "webhook_endpoints_status"),
            choices_check("disabled_because", DisabledBecause, "webhook_endpoints_disabled_because"),
            # Disabled always says why.
            models.CheckConstraint(
                condition=models.Q(status=EndpointStatus.ENABLED, disabled_because=None)
                | models.Q(status=EndpointStatus.DISABLED, disabled_because__isnull=False),
                name="webhook_endpoints_says_why",
            ),
        )
        indexes = (models.Index(fields=["psp_id", "livemode", "id"], name="webhook_endpoints_newest"),)

    def __str__(self) -> str:
        return self.url

    def sealed_for(self) -> str:
        """What binds the sealed secrets to their row: another endpoint's do not open here."""
        return sealing_place(self.psp_id, self.pk)


class PartnerEvent(PartnerRow):
    """Something that a partner is told. Its identity is that of our own event; `sequence` counts those of one object."""

    merchant_id = models.IntegerField(null=True)
    store_id = models.IntegerField(null=True)
    type = models.TextField()
    object_id = models.TextField()
    sequence = models.IntegerField()
    data = models.JSONField()

    rules = TableRules(tenant="store", append_only=True, partitioned=True)

    class Meta(PartnerRow.Meta):
        db_table = "partner_events"
        indexes = (
            models.Index(fields=["psp_id", "livemode", "id"], name="partner_events_newest"),
            models.Index(fields=["psp_id", "object_id", "sequence"], name="partner_events_of_object"),
        )

    def __str__(self) -> str:
        return self.type


class WebhookDelivery(PartnerRow):
    """One event on its way to one endpoint, however often it is tried or asked for. As old as its event."""

    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="deliveries",
    )
    event_id = models.UUIDField()
    event_type = models.TextField()
    status = models.TextField(choices=choices(DeliveryStatus), default=DeliveryStatus.PENDING)
    tries = models.SmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    last_status_code = models.SmallIntegerField(null=True)
    last_error = models.TextField(default="")

    rules = TableRules(
        tenant="psp",
        partitioned=True,
        keep=KEEP_DELIVERIES,
        keep_while="status = 'pending'",
        transitions=DELIVERY_TRANSITIONS,
        parents=(Parent("endpoint_id", "webhook_endpoints"),),
    )

    class Meta(PartnerRow.Meta):
        db_table = "webhook_deliveries"
        verbose_name_plural = "webhook deliveries"
        constraints = (
            choices_check("status", DeliveryStatus, "webhook_deliveries_status"),
            # An event goes to an endpoint by one row; the instant is the event's and only there for the partitions.
            models.UniqueConstraint(
                fields=["psp_id", "endpoint", "event_id", "created_at"], name="webhook_deliveries_once"
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "endpoint", "id"], name="webhook_deliveries_newest"),
            models.Index(fields=["psp_id", "event_id"], name="webhook_deliveries_of_event"),
            # What the sender of all tenants looks at; small, because what has ended leaves it.
            models.Index(
                fields=["endpoint", "next_try_at"],
                name="webhook_deliveries_due",
                condition=models.Q(status=DeliveryStatus.PENDING),
            ),
            models.Index(
                fields=["endpoint", "leased_until"],
                name="webhook_deliveries_in_flight",
                condition=models.Q(leased_until__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.event_type} {self.status}"


class DeliveryAttempt(PartnerRow):
    """One call to an endpoint: what was sent and what came back, cut short and without secrets. Rows are only added."""

    delivery_id = models.UUIDField()
    endpoint_id = models.UUIDField()
    event_id = models.UUIDField()
    number = models.SmallIntegerField()
    url = models.TextField()
    request_headers = models.JSONField()
    request_body = models.TextField()
    status_code = models.SmallIntegerField(null=True)
    response_headers = models.JSONField()
    response_body = models.TextField()
    error = models.TextField(default="")
    duration_ms = models.IntegerField()
    remote_address = models.TextField(default="")

    rules = TableRules(
        tenant="psp",
        append_only=True,
        partitioned=True,
        keep=KEEP_CALLS,
        parents=(Parent("endpoint_id", "webhook_endpoints"),),
    )

    class Meta(PartnerRow.Meta):
        db_table = "webhook_attempts"
        indexes = (models.Index(fields=["psp_id", "delivery_id", "id"], name="webhook_attempts_newest"),)

    def __str__(self) -> str:
        return f"{self.status_code or self.error}"
