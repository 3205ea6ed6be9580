"""Revocations: whose tokens are refused although they have not expired."""

from typing import Any, ClassVar

from django.db import models

from kernel.models import TenantManager
from kernel.schema import TableRules


class Revocation(models.Model):
    """Tokens of `subject` are refused: all of them, or, once lifted, those issued before.

    A subject is a token (`jti:...`), a session (`session:ses_...`), a device's id, or `store:1`, `merchant:1`, `psp:1`. The
    row may go when every token that it could hit has expired, because a revoked subject gets no new ones.
    """

    psp_id = models.IntegerField(null=True)
    subject = models.TextField()
    revoked_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(tenant="psp", deletable=True)

    class Meta:
        db_table = "revocations"
        indexes = (models.Index(fields=["psp_id", "subject"], name="portal_revocation_subject"),)

    def __str__(self) -> str:
        return self.subject
