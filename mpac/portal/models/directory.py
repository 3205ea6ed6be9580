"""What providers, merchants and stores have in common: a code, a status, a place and a version."""

from typing import Any, ClassVar

from django.db import models

from kernel.models import CurrencyField, TenantManager, choices, choices_check
from mpac.portal.domain.hierarchy import DirectoryStatus


def own_id() -> models.GeneratedField:
    """A column that repeats the row's own id, under the name that the tables below know it by."""
    return models.GeneratedField(
        expression=models.F("id"),  # type: ignore[arg-type]  # the stubs forget that Django takes an F here
        output_field=models.IntegerField(),
        db_persist=True,
    )


class DirectoryEntry(models.Model):
    """One node of the hierarchy. `version` rises with every change, so that a mirror can tell old from new."""

    id = models.AutoField(primary_key=True)
    code = models.TextField()
    name = models.TextField()
    status = models.TextField(choices=choices(DirectoryStatus), default=DirectoryStatus.ACTIVE)
    country = models.CharField(max_length=2)
    currency = CurrencyField()
    time_zone = models.TextField()
    address = models.JSONField(default=dict)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()

    class Meta:
        abstract = True
        default_manager_name = "objects"
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            choices_check("status", DirectoryStatus, "%(app_label)s_%(class)s_status"),
            # A version never goes back: mirrors keep the highest they have seen.
            models.CheckConstraint(
                condition=models.Q(version__gte=1), name="%(app_label)s_%(class)s_version"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    @property
    def is_active(self) -> bool:
        return self.status == DirectoryStatus.ACTIVE
