"""Payment service providers: the tenants."""

from typing import ClassVar

from django.db import models

from kernel.schema import TableRules
from mpac.portal.domain.hierarchy import DEFAULT_RATE_LIMIT_PER_MINUTE, TRANSITIONS
from mpac.portal.models.directory import DirectoryEntry, own_id


class Psp(DirectoryEntry):
    """A payment service provider. Its own id is its tenant column."""

    psp_id = own_id()
    rate_limit_per_minute = models.IntegerField(default=DEFAULT_RATE_LIMIT_PER_MINUTE)

    rules = TableRules(tenant="psp", transitions=TRANSITIONS)

    class Meta(DirectoryEntry.Meta):
        db_table = "psps"
        verbose_name = "PSP"
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            *DirectoryEntry.Meta.constraints,
            # Providers are the top of the hierarchy: their codes are unique on the platform.
            models.UniqueConstraint(fields=["code"], name="portal_psp_code"),
            # A limit of nothing would lock a partner out by a slip of the hand; suspending is the way to do that.
            models.CheckConstraint(
                condition=models.Q(rate_limit_per_minute__gte=1), name="portal_psp_rate_limit"
            ),
        )
