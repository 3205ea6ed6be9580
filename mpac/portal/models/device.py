"""Terminals: registered by people, activated by their own key."""

from django.db import models

from kernel import ids
from kernel.models import StoreModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.portal.domain.devices import TRANSITIONS, DeviceStatus

PREFIX = "dev"


class Device(StoreModel):
    """One terminal of one store. `key_id` is the RFC 7638 thumbprint of the public key it activated with."""

    name = models.TextField()
    model = models.TextField(default="")
    serial_number = models.TextField()
    status = models.TextField(choices=choices(DeviceStatus), default=DeviceStatus.REGISTERED)
    livemode = models.BooleanField(default=False)
    public_jwk = models.JSONField(null=True)
    key_id = models.TextField(default="")
    activation_code_hash = models.TextField(default="")
    activation_expires_at = models.DateTimeField(null=True)
    activation_attempts = models.SmallIntegerField(default=0)
    activated_at = models.DateTimeField(null=True)
    labels = models.JSONField(default=dict, help_text="what people sort terminals by: names and values")
    replaces_id = models.UUIDField(null=True, help_text="the broken terminal whose place it took")
    updated_at = models.DateTimeField()

    rules = TableRules(tenant="store", transitions=TRANSITIONS, parents=(Parent("store_id", "stores"),))

    class Meta(StoreModel.Meta):
        db_table = "devices"
        constraints = (
            choices_check("status", DeviceStatus, "portal_device_status"),
            # A serial number names one living terminal of a provider; a revoked one may be registered anew.
            models.UniqueConstraint(
                fields=["psp_id", "serial_number"],
                condition=~models.Q(status=DeviceStatus.REVOKED),
                name="portal_device_serial_number",
            ),
            # A broken terminal is replaced once.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "replaces_id"],
                condition=models.Q(replaces_id__isnull=False),
                name="portal_device_replaces",
            ),
            # Nobody asks for tokens without a key that was proved.
            models.CheckConstraint(
                condition=models.Q(status__in=[DeviceStatus.REGISTERED, DeviceStatus.REVOKED])
                | models.Q(public_jwk__isnull=False, activated_at__isnull=False) & ~models.Q(key_id=""),
                name="portal_device_key",
            ),
        )
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "store_id"], name="portal_device_by_store"),
            # An activation is anonymous: all it brings is a code and a serial number.
            models.Index(
                fields=["activation_code_hash"],
                condition=~models.Q(activation_code_hash=""),
                name="portal_device_by_code",
            ),
            models.Index(
                fields=["serial_number"],
                condition=models.Q(status=DeviceStatus.REGISTERED),
                name="portal_device_by_serial",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.serial_number})"

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)


class DeviceStatusChange(StoreModel):
    """One step in a terminal's life, and who took it."""

    device = models.ForeignKey(
        Device, on_delete=models.PROTECT, db_constraint=False, related_name="status_changes"
    )
    from_status = models.TextField(choices=choices(DeviceStatus))
    to_status = models.TextField(choices=choices(DeviceStatus))
    actor = models.TextField()
    reason = models.TextField(default="")

    rules = TableRules(tenant="store", append_only=True, parents=(Parent("device_id", "devices"),))

    class Meta(StoreModel.Meta):
        db_table = "device_status_changes"
        constraints = (
            choices_check("from_status", DeviceStatus, "portal_device_change_from"),
            choices_check("to_status", DeviceStatus, "portal_device_change_to"),
        )

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status}"


class DeviceKill(StoreModel):
    """A terminal that was shut out at once because it is in wrong hands, and what it may still hold.

    `unsent_records` and `last_sequence` are what it said last; None when it never said anything.
    """

    device = models.OneToOneField(Device, on_delete=models.PROTECT, db_constraint=False, related_name="kill")
    actor = models.TextField()
    reason = models.TextField(default="")
    unsent_records = models.IntegerField(null=True)
    last_sequence = models.BigIntegerField(null=True)
    last_report_at = models.DateTimeField(null=True)

    rules = TableRules(tenant="store", append_only=True, parents=(Parent("device_id", "devices"),))

    class Meta(StoreModel.Meta):
        db_table = "device_kills"

    def __str__(self) -> str:
        return f"{self.device_id} by {self.actor}"
