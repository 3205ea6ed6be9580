"""Memberships: which person has which role, and where."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from kernel import clock
from kernel.models import TenantManager, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.portal.domain.roles import Role

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
    created_at = models.DateTimeField(default=clock.now)

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(
        tenant="optional",
        deletable=True,
        parents=(Parent("psp_id", "psps"), Parent("merchant_id", "merchants"), Parent("store_id", "stores")),
    )

    class Meta:
        db_table = "memberships"
        default_manager_name = "objects"
        constraints = (
            choices_check("role", Role, "portal_membership_role"),
            # The same role twice at the same place would have to be taken away twice.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "store_id", "user", "role"],
                name="portal_membership_once",
                nulls_distinct=False,
            ),
            # A role holds at its own level: a merchant's administrator without a merchant would be everybody's.
            models.CheckConstraint(
                condition=(models.Q(role=Role.PLATFORM_OPERATOR) & _PLATFORM)
                | (models.Q(role=Role.PSP_ADMIN) & _PSP)
                | (models.Q(role=Role.MERCHANT_ADMIN) & _MERCHANT)
                | (models.Q(role__in=[Role.STORE_MANAGER, Role.CASHIER]) & _STORE)
                | (models.Q(role=Role.AUDITOR) & (_PSP | _MERCHANT | _STORE)),
                name="portal_membership_level",
            ),
        )

    def __str__(self) -> str:
        return str(self.role)

    def covers(self, row: Any) -> bool:
        """Whether a row, of any context, lies at this membership's level or below it."""
        levels = ("psp_id", "merchant_id", "store_id")
        return all(getattr(self, level) in (None, getattr(row, level, None)) for level in levels)
