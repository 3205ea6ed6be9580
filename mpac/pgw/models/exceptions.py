"""What does not agree between a statement and our books, and who said what about it."""

from django.db import models

from kernel.models import CurrencyField, TenantModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.reconciliation import (
    EXCEPTION_TRANSITIONS,
    ExceptionStatus,
    Outcome,
    Resolution,
)


class ReconciliationException(TenantModel):
    """One line, or one movement of ours, that does not agree. It stays until two people, or its missing half, settle it."""

    file = models.ForeignKey(
        "pgw.StatementFile", on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    outcome = models.TextField(choices=choices(Outcome))
    status = models.TextField(choices=choices(ExceptionStatus))
    version = models.IntegerField(default=1)
    provider = models.TextField()
    reference = models.TextField()
    line_id = models.UUIDField(null=True)
    line_number = models.IntegerField(null=True)
    movement_id = models.UUIDField(null=True, help_text="the movement of ours that no statement tells")
    attempt_id = models.UUIDField(null=True)
    refund_id = models.UUIDField(null=True)
    currency = CurrencyField()
    told_minor = models.BigIntegerField(null=True, help_text="what the statement says")
    known_minor = models.BigIntegerField(null=True, help_text="what we have")
    resolution = models.TextField(choices=choices(Resolution), null=True)
    note = models.TextField(default="")
    proposed_by = models.TextField(null=True)
    proposed_at = models.DateTimeField(null=True)
    resolved_by = models.TextField(null=True)
    resolved_at = models.DateTimeField(null=True)

    rules = TableRules(
        tenant="merchant", transitions=EXCEPTION_TRANSITIONS, parents=(Parent("file_id", "statement_files"),)
    )

    class Meta:
        db_table = "reconciliation_exceptions"
        default_manager_name = "objects"
        constraints = (
            choices_check("outcome", Outcome, "reconciliation_exceptions_outcome"),
            choices_check("status", ExceptionStatus, "reconciliation_exceptions_status"),
            choices_check("resolution", Resolution, "reconciliation_exceptions_resolution"),
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "line_id"], name="reconciliation_exceptions_line"
            ),
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "movement_id"], name="reconciliation_exceptions_movement"
            ),
            models.CheckConstraint(
                condition=models.Q(line_id__isnull=True) ^ models.Q(movement_id__isnull=True),
                name="reconciliation_exceptions_about",
            ),
            # Two people, unless the missing half came by itself.
            models.CheckConstraint(
                condition=~models.Q(status=ExceptionStatus.RESOLVED)
                | models.Q(resolution__isnull=False, resolution=Resolution.FOUND)
                | models.Q(
                    ~models.Q(proposed_by=models.F("resolved_by")),
                    resolution__isnull=False,
                    proposed_by__isnull=False,
                    resolved_by__isnull=False,
                ),
                name="reconciliation_exceptions_two_people",
            ),
        )
        indexes = (
            models.Index(
                fields=["psp_id", "merchant_id", "provider", "id"],
                name="reconciliation_exceptions_open",
                condition=~models.Q(status=ExceptionStatus.RESOLVED),
            ),
        )

    def __str__(self) -> str:
        return f"{self.outcome} {self.reference}"


class ExceptionEvent(TenantModel):
    """One step of the work on an exception. Rows are only ever added."""

    exception_id = models.UUIDField()
    sequence = models.IntegerField()
    from_status = models.TextField(null=True)
    to_status = models.TextField()
    resolution = models.TextField(null=True)
    actor = models.TextField()
    note = models.TextField(default="")

    rules = TableRules(
        tenant="merchant", append_only=True, parents=(Parent("exception_id", "reconciliation_exceptions"),)
    )

    class Meta:
        db_table = "exception_events"
        default_manager_name = "objects"
        constraints = (
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "exception_id", "sequence"], name="exception_events_sequence"
            ),
        )

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status}"
