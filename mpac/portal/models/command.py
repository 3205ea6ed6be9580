"""Commands to terminals: one a terminal, and batches of them."""

from typing import Any, ClassVar

from django.db import models

from kernel import clock, ids
from kernel.models import StoreModel, TenantManager, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.portal.domain.commands import (
    BATCH_TRANSITIONS,
    OPEN,
    TRANSITIONS,
    BatchStatus,
    CommandKind,
    CommandStatus,
)

PREFIX = "cmd"
BATCH_PREFIX = "cmb"


class CommandBatch(models.Model):
    """A command for all terminals of a group, store or merchant: its columns say whose.

    `reached` is how many commands were written so far, `after` the last terminal that got one.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    psp_id = models.IntegerField()
    merchant_id = models.IntegerField(null=True)
    store_id = models.IntegerField(null=True)
    group_id = models.UUIDField(null=True)
    livemode = models.BooleanField(null=True)
    kind = models.TextField(choices=choices(CommandKind))
    parameters = models.JSONField(default=dict)
    status = models.TextField(choices=choices(BatchStatus), default=BatchStatus.EXPANDING)
    reached = models.IntegerField(default=0)
    sent_by = models.TextField()
    reason = models.TextField(default="")
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()
    rules: ClassVar[TableRules] = TableRules(
        tenant="store",
        transitions=BATCH_TRANSITIONS,
        deletable=True,
        parents=(Parent("psp_id", "psps"), Parent("merchant_id", "merchants"), Parent("store_id", "stores")),
    )

    class Meta:
        db_table = "command_batches"
        verbose_name_plural = "command batches"
        default_manager_name = "objects"
        constraints = (
            choices_check("kind", CommandKind, "portal_command_batch_kind"),
            choices_check("status", BatchStatus, "portal_command_batch_status"),
        )

    def __str__(self) -> str:
        return f"{self.kind} for many"

    @property
    def public_id(self) -> str:
        return ids.encode(BATCH_PREFIX, self.id)


class Command(StoreModel):
    """One thing that one terminal is told to do, and what it said about it.

    `late_result` is what a terminal said after the command had expired.
    """

    device_id = models.UUIDField()
    batch_id = models.UUIDField(null=True)
    livemode = models.BooleanField(default=False)
    kind = models.TextField(choices=choices(CommandKind))
    parameters = models.JSONField(default=dict)
    status = models.TextField(choices=choices(CommandStatus), default=CommandStatus.QUEUED)
    sent_by = models.TextField()
    reason = models.TextField(default="")
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    late_result = models.JSONField(null=True)

    rules = TableRules(
        tenant="store",
        transitions=TRANSITIONS,
        deletable=True,
        parents=(
            Parent("device_id", "devices"),
            Parent("batch_id", "command_batches", tenant_columns=("psp_id",)),
        ),
    )

    class Meta(StoreModel.Meta):
        db_table = "commands"
        constraints = (
            choices_check("kind", CommandKind, "portal_command_kind"),
            choices_check("status", CommandStatus, "portal_command_status"),
            # A batch tells each terminal once, however often it is expanded.
            models.UniqueConstraint(
                fields=["psp_id", "batch_id", "device_id"], name="portal_command_once_a_batch"
            ),
            # A result belongs to the end that it brought about, and only what expired can have one too late.
            models.CheckConstraint(
                condition=models.Q(
                    status__in=[CommandStatus.SUCCEEDED.value, CommandStatus.FAILED.value],
                    result__isnull=False,
                )
                | (
                    ~models.Q(status__in=[CommandStatus.SUCCEEDED.value, CommandStatus.FAILED.value])
                    & models.Q(result__isnull=True)
                ),
                name="portal_command_result",
            ),
            models.CheckConstraint(
                condition=models.Q(late_result__isnull=True) | models.Q(status=CommandStatus.EXPIRED.value),
                name="portal_command_late_result",
            ),
        )
        indexes = (
            # What a terminal asks for, again and again.
            models.Index(
                fields=["psp_id", "device_id", "id"],
                condition=models.Q(status__in=sorted(status.value for status in OPEN)),
                name="portal_command_open",
            ),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(status__in=sorted(status.value for status in OPEN)),
                name="portal_command_expiry",
            ),
            models.Index(fields=["psp_id", "batch_id", "status"], name="portal_command_progress"),
            models.Index(
                fields=["finished_at"],
                condition=models.Q(finished_at__isnull=False),
                name="portal_command_age",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} for {self.device_id}"

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)


class CommandStatusChange(StoreModel):
    """One step in a command's life, and who took it."""

    command_id = models.UUIDField()
    from_status = models.TextField(choices=choices(CommandStatus))
    to_status = models.TextField(choices=choices(CommandStatus))
    actor = models.TextField()

    rules = TableRules(
        tenant="store", append_only=True, deletable=True, parents=(Parent("command_id", "commands"),)
    )

    class Meta(StoreModel.Meta):
        db_table = "command_status_changes"
        constraints = (
            choices_check("from_status", CommandStatus, "portal_command_change_from"),
            choices_check("to_status", CommandStatus, "portal_command_change_to"),
        )
        indexes = (models.Index(fields=["psp_id", "command_id"], name="portal_command_change_of"),)

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status}"
