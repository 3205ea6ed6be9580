"""Groups of terminals: those that were put in, and those that bear the group's labels."""

from typing import Any, ClassVar

from django.db import models

from kernel import clock, ids
from kernel.models import StoreModel, TenantManager
from kernel.schema import Parent, TableRules
from mpac.portal.models.device import Device

PREFIX = "dgr"


class DeviceGroup(models.Model):
    """A named set of terminals of a PSP, or of one of its merchants.

    A terminal belongs to it when it is a member, or when it bears all labels of a selector that is not empty. Where
    several groups of a terminal set the same thing, the one with the highest `priority` has its way.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    psp_id = models.IntegerField()
    merchant_id = models.IntegerField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    name = models.TextField()
    selector = models.JSONField(default=dict)
    priority = models.IntegerField(default=0)
    livemode = models.BooleanField(default=False)
    updated_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()
    rules: ClassVar[TableRules] = TableRules(
        tenant="provider",
        deletable=True,
        parents=(Parent("psp_id", "psps"), Parent("merchant_id", "merchants")),
    )

    class Meta:
        db_table = "device_groups"
        default_manager_name = "objects"
        constraints = (
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "livemode", "name"],
                nulls_distinct=False,
                name="portal_device_group_name",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)


class DeviceGroupMember(StoreModel):
    """A terminal that was put into a group."""

    device = models.ForeignKey(Device, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    group = models.ForeignKey(
        DeviceGroup, on_delete=models.PROTECT, db_constraint=False, related_name="members"
    )

    rules = TableRules(
        tenant="store",
        deletable=True,
        parents=(
            Parent("device_id", "devices"),
            Parent("group_id", "device_groups", tenant_columns=("psp_id",)),
        ),
    )

    class Meta(StoreModel.Meta):
        db_table = "device_group_members"
        constraints = (
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "group", "device"], name="portal_group_member_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.device_id} in {self.group_id}"
