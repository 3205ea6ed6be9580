"""Mails on their way to people."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from kernel import ids
from kernel.models import choices, choices_check
from kernel.schema import TableRules
from mpac.portal.domain.mails import MailKind


class Mail(models.Model):
    """One mail: to whom, about what. What is secret in it is sealed until it is sent, and then gone.

    Without a recipient nobody gets it: it was asked for an address that nobody has, and costs the same.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    kind = models.TextField(choices=choices(MailKind))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    recipient = models.TextField(default="", blank=True)
    values = models.JSONField(default=dict)
    secret_sealed = models.TextField(default="", blank=True)
    created_at = models.DateTimeField(db_index=True)
    sent_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()
    rules = TableRules(
        tenant=None,
        reason="goes to a person, who belongs to no tenant",
        deletable=True,
        sealed=("secret_sealed",),
    )

    class Meta:
        db_table = "mails"
        constraints = (choices_check("kind", MailKind, "portal_mail_kind"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    def sealed_for(self) -> str:
        """What this row's secret is bound to."""
        return f"portal.mails.secret:{self.id}"
