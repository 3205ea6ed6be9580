"""Terminals that a vendor has delivered and that stand in no store yet, by their serial numbers."""

from typing import Any, ClassVar

from django.db import models

from kernel import clock, ids
from kernel.models import TenantManager, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.portal.domain.preregistrations import TRANSITIONS, PreregistrationStatus
from mpac.portal.models.device import PREFIX


class Preregistration(models.Model):
    """One entry of a vendor's list, of a PSP or of one of its merchants. Assigned, it becomes a device of the same id."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    psp_id = models.IntegerField()
    merchant_id = models.IntegerField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    serial_number = models.TextField()
    model = models.TextField(default="")
    labels = models.JSONField(default=dict)
    livemode = models.BooleanField(default=False)
    status = models.TextField(choices=choices(PreregistrationStatus), default=PreregistrationStatus.WAITING)
    public_jwk = models.JSONField(null=True)
    key_id = models.TextField(default="")
    activation_code_hash = models.TextField(default="")
    activation_expires_at = models.DateTimeField(null=True)
    activation_attempts = models.SmallIntegerField(default=0)
    activated_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()
    rules: ClassVar[TableRules] = TableRules(
        tenant="optional",
        transitions=TRANSITIONS,
        parents=(Parent("psp_id", "psps"), Parent("merchant_id", "merchants")),
    )

    class Meta:
        db_table = "device_preregistrations"
        default_manager_name = "objects"
        constraints = (
            choices_check("status", PreregistrationStatus, "portal_preregistration_status"),
            models.UniqueConstraint(
                fields=["psp_id", "serial_number"],
                condition=models.Q(status__in=["waiting", "activated"]),
                name="portal_preregistration_serial",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="activated")
                | models.Q(public_jwk__isnull=False, activated_at__isnull=False) & ~models.Q(key_id=""),
                name="portal_preregistration_key",
            ),
        )
        indexes = (
            models.Index(
                fields=["activation_code_hash"],
                condition=~models.Q(activation_code_hash=""),
                name="portal_preregistration_by_code",
            ),
            models.Index(
                fields=["serial_number"],
                condition=models.Q(status="waiting"),
                name="portal_preregistration_waits",
            ),
        )

    def __str__(self) -> str:
        return self.serial_number

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)
