"""Merchants: who sells."""

from typing import ClassVar

from django.db import models

from kernel.schema import Parent, TableRules
from mpac.portal.domain.hierarchy import TRANSITIONS
from mpac.portal.models.directory import DirectoryEntry, own_id


class Merchant(DirectoryEntry):
    """A merchant of a provider. Its own id is its merchant column."""

    psp_id = models.IntegerField()
    merchant_id = own_id()
    # As its tax invoices print it; stores add the number of their branch.
    tax_number = models.TextField(default="")
    onboarding = models.JSONField(default=dict)

    rules = TableRules(tenant="merchant", transitions=TRANSITIONS, parents=(Parent("psp_id", "psps"),))

    class Meta(DirectoryEntry.Meta):
        db_table = "merchants"
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            *DirectoryEntry.Meta.constraints,
            # A merchant's code is how its provider names it.
            models.UniqueConstraint(fields=["psp_id", "code"], name="portal_merchant_code"),
        )
