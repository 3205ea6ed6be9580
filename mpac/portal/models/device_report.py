"""What terminals say about themselves: the last word of each, and a sample of the earlier ones."""

import datetime as dt
from typing import Any, ClassVar

from django.db import models

from kernel.models import StoreModel, TenantManager
from kernel.schema import Parent, TableRules
from mpac.portal.models.device import Device

KEEP_SAMPLES = dt.timedelta(days=90)


class DeviceReport(models.Model):
    """The last report of a terminal: one row each, written over at every heartbeat.

    No column that changes is in an index, and pages are filled to 70 %, so that a new version of a row fits beside the old
    one and no index is touched. `received_at` of a terminal that has never reported, which gets its row when it is missed, is
    when its key was bound. `silent_since` is set once somebody has been told that nothing is heard of it any more.
    """

    device = models.OneToOneField(
        Device, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="report"
    )
    psp_id = models.IntegerField()
    merchant_id = models.IntegerField()
    store_id = models.IntegerField()
    received_at = models.DateTimeField()
    sampled_at = models.DateTimeField()
    silent_since = models.DateTimeField(null=True)
    app_version = models.TextField(default="")
    app_version_code = models.BigIntegerField(null=True)
    os_version = models.TextField(default="")
    battery_percent = models.SmallIntegerField(null=True)
    is_charging = models.BooleanField(null=True)
    printer = models.TextField(default="")
    network = models.TextField(default="")
    unsent_records = models.IntegerField(null=True)
    last_sequence = models.BigIntegerField(null=True)
    clock_drift_ms = models.BigIntegerField(null=True)
    report = models.JSONField()

    objects: ClassVar[Any] = TenantManager()
    rules: ClassVar[TableRules] = TableRules(tenant="store", parents=(Parent("device_id", "devices"),))

    class Meta:
        db_table = "device_reports"
        default_manager_name = "objects"

    def __str__(self) -> str:
        return f"{self.device_id} {self.received_at:%Y-%m-%d %H:%M:%S}"

    @property
    def has_reported(self) -> bool:
        """Whether this is a report at all, and not the row of a terminal that is missed and has never said anything."""
        return bool(self.received_at != self.device.activated_at)


class DeviceReportSample(StoreModel):
    """A report that was kept: at most one a terminal in five minutes."""

    device_id = models.UUIDField()
    report = models.JSONField()

    rules = TableRules(
        tenant="store",
        append_only=True,
        partitioned=True,
        parents=(Parent("device_id", "devices"),),
        keep=KEEP_SAMPLES,
    )

    class Meta(StoreModel.Meta):
        db_table = "device_report_samples"
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "device_id", "-id"], name="portal_report_newest"),
        )

    def __str__(self) -> str:
        return f"{self.device_id} {self.created_at:%Y-%m-%d %H:%M:%S}"
