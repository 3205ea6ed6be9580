"""Lists of terminals that are taken in, and how far they came."""

from typing import Any, ClassVar

from django.db import models

from kernel import clock, ids
from kernel.models import TenantManager, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.portal.domain.device_imports import TRANSITIONS, ImportStatus

PREFIX = "dim"


class DeviceImport(models.Model):
    """One file. Without a store its rows name theirs, or none at all: those are registered in advance.

    Of a list that was trimmed its serial numbers are left, in their rows.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    psp_id = models.IntegerField()
    merchant_id = models.IntegerField(null=True)
    store_id = models.IntegerField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    livemode = models.BooleanField(default=False)
    created_by = models.TextField()
    content = models.TextField()
    sha256 = models.TextField()
    status = models.TextField(choices=choices(ImportStatus))
    rows_total = models.IntegerField(default=0)
    rows_done = models.IntegerField(default=0)
    rows_refused = models.IntegerField(default=0)
    faults = models.JSONField(default=list)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    trimmed_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()
    rules: ClassVar[TableRules] = TableRules(
        tenant="optional",
        transitions=TRANSITIONS,
        deletable=True,
        parents=(Parent("psp_id", "psps"), Parent("merchant_id", "merchants"), Parent("store_id", "stores")),
    )

    class Meta:
        db_table = "device_imports"
        default_manager_name = "objects"
        constraints = (
            choices_check("status", ImportStatus, "portal_device_import_status"),
            models.CheckConstraint(
                condition=models.Q(
                    rows_done__gte=0, rows_done__lte=models.F("rows_total"), rows_refused__gte=0
                ),
                name="portal_device_import_progress",
            ),
        )
        indexes = (
            models.Index(
                fields=["id"], condition=models.Q(status="running"), name="portal_device_import_running"
            ),
            models.Index(fields=["psp_id", "-id"], name="portal_device_import_newest"),
            models.Index(
                fields=["finished_at"],
                condition=models.Q(status="done", trimmed_at__isnull=True),
                name="portal_device_import_age",
            ),
        )

    def __str__(self) -> str:
        return f"{self.public_id} {self.status}"

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)
