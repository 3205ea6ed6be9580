"""Values of settings, where they are set, and every version that they had."""

from typing import Any, ClassVar

from django.db import models

from kernel import clock, ids
from kernel.models import InheritingManager, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.portal.domain.places import Level

PREFIX = "stc"
PARENTS = (
    Parent("psp_id", "psps"),
    Parent("merchant_id", "merchants"),
    Parent("store_id", "stores"),
    Parent("device_id", "devices"),
)


def _pinned(level: Level, *, to: str = "", not_to: str = "") -> models.Q:
    """A level, the columns that it fills, and the first one that it leaves empty."""
    filled = {f"{column}__isnull": False for column in to.split()}
    empty = {f"{column}__isnull": True for column in not_to.split()}
    return models.Q(level=level.value, **filled, **empty)


_PINNED = (
    _pinned(Level.PLATFORM, not_to="psp_id merchant_id store_id group_id device_id"),
    _pinned(Level.PSP, to="psp_id", not_to="merchant_id store_id group_id device_id"),
    _pinned(Level.MERCHANT, to="psp_id merchant_id", not_to="store_id group_id device_id"),
    _pinned(Level.STORE, to="psp_id merchant_id store_id", not_to="group_id device_id"),
    _pinned(Level.GROUP, to="psp_id group_id", not_to="device_id"),
    _pinned(Level.DEVICE, to="psp_id merchant_id store_id device_id", not_to="group_id"),
)


class SettingRow(models.Model):
    """A setting at a place. `place` names it in one text: `platform`, `store:7`, `device:dev_…`.

    What is not secret is in `value`. `is_set` is false where a value was taken away: the version goes on counting.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    psp_id = models.IntegerField(null=True)
    merchant_id = models.IntegerField(null=True)
    store_id = models.IntegerField(null=True)
    group_id = models.UUIDField(null=True)
    device_id = models.UUIDField(null=True)
    level = models.TextField(choices=choices(Level))
    place = models.TextField()
    name = models.TextField()
    value = models.JSONField(null=True)
    is_set = models.BooleanField(default=True)
    locked = models.BooleanField(default=False)
    version = models.IntegerField(default=1)
    set_by = models.TextField()
    set_at = models.DateTimeField()
    created_at = models.DateTimeField(default=clock.now)

    objects: ClassVar[Any] = InheritingManager()

    class Meta:
        abstract = True
        default_manager_name = "objects"
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            choices_check("level", Level, "%(app_label)s_%(class)s_level"),
            # A value without its owner would be everybody's.
            models.CheckConstraint(
                condition=_PINNED[0] | _PINNED[1] | _PINNED[2] | _PINNED[3] | _PINNED[4] | _PINNED[5],
                name="%(app_label)s_%(class)s_place",
            ),
            # What is not set locks nothing.
            models.CheckConstraint(
                condition=models.Q(is_set=True) | models.Q(locked=False),
                name="%(app_label)s_%(class)s_lock",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} at {self.place}"


class SettingValue(SettingRow):
    """The present value of a setting at a place; a secret one is sealed."""

    value_sealed = models.TextField(default="")

    rules = TableRules(tenant="inherited", parents=PARENTS, sealed=("value_sealed",))

    class Meta(SettingRow.Meta):
        db_table = "setting_values"
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            *SettingRow.Meta.constraints,
            # A place has one value of a setting; the platform's own have no tenant.
            models.UniqueConstraint(
                fields=["psp_id", "place", "name"], name="portal_setting_once", nulls_distinct=False
            ),
        )
        indexes = (
            # A terminal's groups are looked for among those that set something.
            models.Index(
                fields=["psp_id", "group_id"],
                condition=models.Q(level=Level.GROUP.value, is_set=True),
                name="portal_setting_of_groups",
            ),
        )

    @property
    def public_id(self) -> str:
        return f"{self.place}/{self.name}"

    def sealed_for(self) -> str:
        """What this row's secret is bound to."""
        return sealing_place(self.place, self.name)


class SettingChange(SettingRow):
    """A version that a setting had at a place, who made it, and why. Of a secret, only that it changed is kept."""

    reason = models.TextField(default="")

    rules = TableRules(tenant="inherited", append_only=True, parents=PARENTS)

    class Meta(SettingRow.Meta):
        db_table = "setting_changes"
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            *SettingRow.Meta.constraints,
            # Versions are given once.
            models.UniqueConstraint(
                fields=["psp_id", "place", "name", "version"],
                name="portal_setting_version",
                nulls_distinct=False,
            ),
        )

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)


def sealing_place(place: str, name: str) -> str:
    """What the secret value of a setting at a place is bound to."""
    return f"portal.setting_values.value:{place}:{name}"
