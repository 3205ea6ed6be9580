"""The event log of each device: a sequence without gaps that a terminal reads by cursor."""

from typing import ClassVar

from django.db import models

from kernel.models import StoreModel, TenantManager
from kernel.schema import Parent, TableRules


class DeviceStream(models.Model):
    """Where a device's log begins and ends. Its row lock puts writers in line, which is what leaves no gaps."""

    device_id = models.UUIDField(primary_key=True)
    psp_id = models.IntegerField()
    merchant_id = models.IntegerField()
    store_id = models.IntegerField()
    head = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=1)
    acknowledged = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField()

    objects = TenantManager()
    rules: ClassVar[TableRules] = TableRules(tenant="store")

    class Meta:
        db_table = "device_streams"
        constraints = (
            # What is kept ends where the log ends; a log that was trimmed whole has floor = head + 1.
            models.CheckConstraint(
                condition=models.Q(head__gte=0, floor__gte=1, floor__lte=models.F("head") + 1),
                name="device_stream_bounds",
            ),
            # Nobody has seen what was not written.
            models.CheckConstraint(
                condition=models.Q(acknowledged__gte=0, acknowledged__lte=models.F("head")),
                name="device_stream_acknowledged",
            ),
        )

    def __str__(self) -> str:
        return f"{self.device_id} {self.floor}-{self.head}"


class DeviceEvent(StoreModel):
    """One event in a device's log, as it is pushed and as it is read."""

    device_id = models.UUIDField()
    seq = models.BigIntegerField()
    type = models.TextField()
    data = models.JSONField()

    rules: ClassVar[TableRules] = TableRules(
        tenant="store",
        deletable=True,
        parents=(Parent("device_id", "device_streams", to_column="device_id"),),
    )

    class Meta(StoreModel.Meta):
        db_table = "device_events"
        constraints = (
            # A sequence number is given once per device.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "device_id", "seq"], name="device_event_seq"
            ),
            models.CheckConstraint(condition=models.Q(seq__gte=1), name="device_event_seq_positive"),
        )

    def __str__(self) -> str:
        return f"{self.device_id} {self.seq} {self.type}"
