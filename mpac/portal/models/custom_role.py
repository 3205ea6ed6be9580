"""Roles that a provider makes of named permissions."""

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Lower

from kernel import ids
from kernel.models import TenantManager
from kernel.schema import Parent, TableRules
from mpac.portal.domain.permissions import PERMISSIONS

PREFIX = "role"


class CustomRole(models.Model):
    """A name for a set of permissions; memberships say who has it and where."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    psp_id = models.IntegerField()
    name = models.TextField()
    description = models.TextField(default="", blank=True)
    permissions = models.JSONField(default=list)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(tenant="psp", deletable=True, parents=(Parent("psp_id", "psps"),))

    class Meta:
        db_table = "roles"
        default_manager_name = "objects"
        verbose_name = "role"
        constraints = (
            # Two roles of one name could not be told apart where they are granted.
            models.UniqueConstraint("psp_id", Lower("name"), name="portal_role_name"),
            models.CheckConstraint(condition=models.Q(version__gte=1), name="portal_role_version"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)

    @property
    def allowed(self) -> frozenset[str]:
        """Its permissions; a name that is none any more allows nothing."""
        return frozenset(self.permissions) & PERMISSIONS.keys()
