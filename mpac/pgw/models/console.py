"""Who did what in the console."""

from typing import Any, ClassVar

from django.db import models

from kernel import clock
from kernel.ids import created_at_of, uuid7
from kernel.models import TenantManager, choices, choices_check
from kernel.schema import TableRules
from mpac.pgw.domain.console import TRANSITIONS, EntryStatus


class ConsoleEntry(models.Model):
    """One action of one person, entered before it is done. Its tenant is the row's, or that of who did it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    psp_id = models.IntegerField(null=True)
    merchant_id = models.IntegerField(null=True)
    actor = models.TextField()
    action = models.TextField()
    subject_table = models.TextField()
    subject_id = models.TextField(help_text="the row that it was done to, empty for a list")
    answers = models.JSONField(help_text="what its form was answered, without secrets")
    status = models.TextField(choices=choices(EntryStatus), default=EntryStatus.ASKED)
    said = models.TextField(default="")
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(tenant="optional", transitions=TRANSITIONS)

    class Meta:
        db_table = "console_entries"
        default_manager_name = "objects"
        verbose_name_plural = "console entries"
        constraints = (choices_check("status", EntryStatus, "console_entries_status"),)
        indexes = (models.Index(fields=["subject_id"], name="console_entries_of_row"),)

    def __str__(self) -> str:
        return f"{self.actor} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.created_at = created_at_of(self.id)
        super().save(*args, **kwargs)
