"""Memberships: which person has which role, and where."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from kernel import clock
from kernel.models import TenantManager, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.portal.domain.authority import Grant, Place
from mpac.portal.domain.hierarchy import DirectoryStatus
from mpac.portal.domain.permissions import ROLE_PERMISSIONS
from mpac.portal.domain.roles import Role
from mpac.portal.models.custom_role import CustomRole
from mpac.portal.models.merchant import Merchant
from mpac.portal.models.psp import Psp
from mpac.portal.models.store import Store

_PLATFORM = models.Q(psp_id__isnull=True, merchant_id__isnull=True, store_id__isnull=True)
_PSP = models.Q(psp_id__isnull=False, merchant_id__isnull=True, store_id__isnull=True)
_MERCHANT = models.Q(psp_id__isnull=False, merchant_id__isnull=False, store_id__isnull=True)
_STORE = models.Q(psp_id__isnull=False, merchant_id__isnull=False, store_id__isnull=False)


class Membership(models.Model):
    """A role of a person at one level of one tenant; only the platform's operators belong to none."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    psp_id = models.IntegerField(null=True)
    merchant_id = models.IntegerField(null=True)
    store_id = models.IntegerField(null=True)
    role = models.TextField(choices=choices(Role))
    custom_role = models.ForeignKey(
        CustomRole, on_delete=models.PROTECT, null=True, related_name="memberships"
    )
    created_at = models.DateTimeField(default=clock.now)

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(
        tenant="optional",
        deletable=True,
        parents=(
            Parent("psp_id", "psps"),
            Parent("merchant_id", "merchants"),
            Parent("store_id", "stores"),
            Parent("custom_role_id", "roles"),
        ),
    )

    class Meta:
        db_table = "memberships"
        default_manager_name = "objects"
        constraints = (
            choices_check("role", Role, "portal_membership_role"),
            # The same role twice at the same place would have to be taken away twice.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "store_id", "user", "role", "custom_role"],
                name="portal_membership_once_each",
                nulls_distinct=False,
            ),
            # A role holds at its own level: a merchant's administrator without a merchant would be everybody's.
            models.CheckConstraint(
                condition=(models.Q(role=Role.PLATFORM_OPERATOR) & _PLATFORM)
                | (models.Q(role=Role.PSP_ADMIN) & _PSP)
                | (models.Q(role=Role.MERCHANT_ADMIN) & _MERCHANT)
                | (models.Q(role__in=[Role.STORE_MANAGER, Role.CASHIER]) & _STORE)
                | (models.Q(role__in=[Role.AUDITOR, Role.CUSTOM]) & (_PSP | _MERCHANT | _STORE)),
                name="portal_membership_level",
            ),
            # A provider's own role is named, and nothing else is.
            models.CheckConstraint(
                condition=(models.Q(role=Role.CUSTOM) & models.Q(custom_role__isnull=False))
                | (~models.Q(role=Role.CUSTOM) & models.Q(custom_role__isnull=True)),
                name="portal_membership_custom",
            ),
        )

    def __str__(self) -> str:
        return str(self.role)

    @property
    def place(self) -> Place:
        """Where it holds."""
        return Place(self.psp_id, self.merchant_id, self.store_id)

    @property
    def permissions(self) -> frozenset[str]:
        """What it allows."""
        if self.custom_role is not None:
            return self.custom_role.allowed
        return ROLE_PERMISSIONS[Role(self.role)]

    def does_business(self) -> bool:
        """Whether the place where it holds, and all above it, is active."""
        levels = ((Psp, self.psp_id), (Merchant, self.merchant_id), (Store, self.store_id))
        return all(
            model.objects.filter(pk=key, status=DirectoryStatus.ACTIVE).exists()
            for model, key in levels
            if key is not None
        )

    def as_grant(self) -> Grant:
        """What it allows, and where."""
        return Grant(self.place, self.permissions)

    def covers(self, row: Any) -> bool:
        """Whether a row, of any context, lies at this membership's level or below it."""
        levels = ("psp_id", "merchant_id", "store_id")
        return all(getattr(self, level) in (None, getattr(row, level, None)) for level in levels)
