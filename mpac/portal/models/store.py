"""Stores: where merchants sell."""

import datetime as dt
from typing import ClassVar

from django.db import models

from kernel.schema import Parent, TableRules
from mpac.portal.domain.hierarchy import TRANSITIONS
from mpac.portal.models.directory import DirectoryEntry, own_id


class Store(DirectoryEntry):
    """A store of a merchant. Its own id is its store column; its time zone decides its business dates."""

    psp_id = models.IntegerField()
    merchant_id = models.IntegerField()
    store_id = own_id()
    tax_branch = models.TextField(default="")
    # On the store's own clock: what is sold before is the day before's business.
    business_day_starts_at = models.TimeField(default=dt.time.min)

    rules = TableRules(tenant="store", transitions=TRANSITIONS, parents=(Parent("merchant_id", "merchants"),))

    class Meta(DirectoryEntry.Meta):
        db_table = "stores"
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            *DirectoryEntry.Meta.constraints,
            # A store's code is how its merchant names it.
            models.UniqueConstraint(fields=["psp_id", "merchant_id", "code"], name="portal_store_code"),
        )
