"""Where each tenant's chain ends, and how much of it has been checked or set aside."""

from typing import Any, ClassVar

from django.db import models

from kernel.models import TenantManager
from kernel.schema import TableRules
from mpac.audit.domain.chain import GENESIS


class AuditChain(models.Model):
    """The head of one chain. Whoever appends holds its row, so a chain grows in one line; PSP 0 is the platform itself.

    It is the anchor that shows a cut-off end: the records alone would look whole. `archived_` says with which record those
    that are still here begin, `verified_` how far the last check came.
    """

    psp_id = models.IntegerField(primary_key=True)
    sequence = models.BigIntegerField(default=0)
    digest = models.TextField(default=GENESIS)
    appended_at = models.DateTimeField()
    archived_sequence = models.BigIntegerField(default=0)
    archived_digest = models.TextField(default=GENESIS)
    verified_sequence = models.BigIntegerField(default=0)
    verified_digest = models.TextField(default=GENESIS)
    verified_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(tenant="psp")

    class Meta:
        db_table = "audit_chains"
        default_manager_name = "objects"
        constraints = (
            # Nothing is set aside or checked that was not appended.
            models.CheckConstraint(
                condition=models.Q(archived_sequence__gte=0)
                & models.Q(archived_sequence__lte=models.F("sequence")),
                name="audit_chain_archived",
            ),
        )

    def __str__(self) -> str:
        return f"PSP {self.psp_id}" if self.psp_id else "the platform"
