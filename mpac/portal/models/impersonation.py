"""Impersonations: who acted as whom, why, for how long, and who allowed it. The log of them is the table itself."""

import datetime as dt
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from kernel import ids
from kernel.models import TenantManager, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.portal.domain.authority import Place
from mpac.portal.domain.impersonations import LONGEST_MINUTES, TRANSITIONS, ImpersonationStatus

PREFIX = "imp"


class Impersonation(models.Model):
    """One person acting as another at one place for a limited time."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    psp_id = models.IntegerField()
    merchant_id = models.IntegerField(null=True)
    store_id = models.IntegerField(null=True)
    impersonator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="impersonations"
    )
    target = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="impersonated"
    )
    reason = models.TextField()
    ticket = models.TextField()
    minutes = models.SmallIntegerField()
    writes = models.BooleanField(default=False)
    in_console = models.BooleanField(default=False)
    status = models.TextField(choices=choices(ImpersonationStatus))
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="impersonations_decided"
    )
    decided_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="impersonations_ended"
    )
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(
        tenant="optional",
        transitions=TRANSITIONS,
        parents=(Parent("psp_id", "psps"), Parent("merchant_id", "merchants"), Parent("store_id", "stores")),
    )

    class Meta:
        db_table = "impersonations"
        default_manager_name = "objects"
        indexes = (
            models.Index(
                fields=["impersonator", "expires_at"],
                condition=models.Q(status=ImpersonationStatus.ACTIVE),
                name="portal_impersonation_active",
            ),
        )
        constraints = (
            choices_check("status", ImpersonationStatus, "portal_impersonation_status"),
            models.CheckConstraint(
                condition=models.Q(minutes__gte=1, minutes__lte=LONGEST_MINUTES),
                name="portal_impersonation_minutes",
            ),
            # Nobody acts without saying why.
            models.CheckConstraint(
                condition=~models.Q(reason="") & ~models.Q(ticket=""), name="portal_impersonation_reasoned"
            ),
            models.CheckConstraint(
                condition=~models.Q(impersonator=models.F("target")), name="portal_impersonation_other"
            ),
            # A second person allows writing, never the one who asked.
            models.CheckConstraint(
                condition=models.Q(decided_by__isnull=True) | ~models.Q(decided_by=models.F("impersonator")),
                name="portal_impersonation_second_person",
            ),
            models.CheckConstraint(
                condition=models.Q(writes=False)
                | ~models.Q(status=ImpersonationStatus.ACTIVE)
                | models.Q(decided_by__isnull=False),
                name="portal_impersonation_approved",
            ),
            # The console is only ever looked at in another's name.
            models.CheckConstraint(
                condition=models.Q(in_console=False) | models.Q(writes=False),
                name="portal_impersonation_console",
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)

    def is_active(self, now: dt.datetime) -> bool:
        """Whether it may be used now."""
        return self.status == ImpersonationStatus.ACTIVE and now < self.expires_at

    @property
    def place(self) -> Place:
        """Where the impersonated person acts."""
        return Place(self.psp_id, self.merchant_id, self.store_id)
