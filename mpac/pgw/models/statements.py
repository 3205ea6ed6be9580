"""Statements of providers: the file, its lines, and the movements that they tell, each once."""

from django.db import models

from kernel.models import CurrencyField, TenantModel, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.pgw.domain.reconciliation import FILE_TRANSITIONS, FileStatus, Outcome
from mpac.pgw.domain.statements.lines import LineKind


class StatementFile(TenantModel):
    """One file, known by its bytes: the same bytes are taken once."""

    provider = models.TextField()
    profile = models.TextField()
    file_name = models.TextField()
    sha256 = models.TextField()
    size_bytes = models.BigIntegerField()
    livemode = models.BooleanField()
    only_store_id = models.IntegerField(null=True, help_text="the store whose money it tells; empty for all")
    imported_by = models.TextField()
    status = models.TextField(choices=choices(FileStatus))
    version = models.IntegerField(default=1)
    finished_at = models.DateTimeField(null=True)
    lines_total = models.IntegerField(default=0)
    stored_up_to = models.IntegerField(default=0, help_text="the number of the last line that is stored")
    compared_up_to = models.IntegerField(default=0, help_text="the number of the last line that is compared")
    starts_at = models.DateTimeField(null=True, help_text="of its first payment or refund")
    ends_at = models.DateTimeField(null=True, help_text="of its last payment or refund")
    checked_until = models.DateTimeField(
        null=True, help_text="what we knew before this instant and no statement told is an exception"
    )
    report = models.JSONField(default=dict)
    faults = models.JSONField(default=list)

    rules = TableRules(tenant="merchant", transitions=FILE_TRANSITIONS)

    class Meta:
        db_table = "statement_files"
        default_manager_name = "objects"
        constraints = (
            choices_check("status", FileStatus, "statement_files_status"),
            models.UniqueConstraint(fields=["psp_id", "merchant_id", "sha256"], name="statement_files_once"),
        )
        indexes = (
            models.Index(fields=["psp_id", "merchant_id", "provider", "id"], name="statement_files_newest"),
        )

    def __str__(self) -> str:
        return f"{self.file_name} {self.status}"


class StatementLine(TenantModel):
    """One line, and what comparing it came to. `created_at` is the file's, so that a file lies in one partition."""

    file_id = models.UUIDField()
    number = models.IntegerField()
    provider = models.TextField()
    kind = models.TextField(choices=choices(LineKind))
    said = models.TextField(help_text="the provider's own word for what the line is about")
    reference = models.TextField(help_text="the provider's name of this movement of money")
    payment_reference = models.TextField()
    our_reference = models.TextField(help_text="our key of the charge, as the provider repeats it")
    operation_reference = models.TextField(help_text="our key of the refund")
    amount_minor = models.BigIntegerField(help_text="as the merchant sees it: what goes is negative")
    currency = CurrencyField()
    occurred_at = models.DateTimeField()
    settled_currency = CurrencyField()
    fee_minor = models.BigIntegerField(null=True)
    expected_fee_minor = models.BigIntegerField(null=True, help_text="by the contract, within its tolerance")
    net_minor = models.BigIntegerField(null=True)
    batch = models.TextField(help_text="the payout that the line belongs to")
    outcome = models.TextField(choices=choices(Outcome), null=True)
    attempt_id = models.UUIDField(null=True)
    refund_id = models.UUIDField(null=True)
    movement_id = models.UUIDField(null=True, help_text="the movement of money as we counted it")
    known_minor = models.BigIntegerField(null=True, help_text="what we have for the amount")

    rules = TableRules(tenant="merchant", partitioned=True, parents=(Parent("file_id", "statement_files"),))

    class Meta:
        db_table = "statement_lines"
        default_manager_name = "objects"
        constraints = (
            choices_check("kind", LineKind, "statement_lines_kind"),
            choices_check("outcome", Outcome, "statement_lines_outcome"),
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "file_id", "number", "created_at"],
                name="statement_lines_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.kind} {self.reference}"


class StatementReference(TenantModel):
    """A movement of money by a statement's word: whichever line names it first tells it, every other one repeats it.

    Not partitioned, because that must hold for ever.
    """

    provider = models.TextField()
    kind = models.TextField(choices=choices(LineKind))
    reference = models.TextField()
    file_id = models.UUIDField()
    line_id = models.UUIDField()
    movement_id = models.UUIDField(null=True, help_text="the movement of money as we counted it")

    rules = TableRules(tenant="merchant", parents=(Parent("file_id", "statement_files"),))

    class Meta:
        db_table = "statement_references"
        default_manager_name = "objects"
        constraints = (
            choices_check("kind", LineKind, "statement_references_kind"),
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "provider", "kind", "reference"],
                name="statement_references_once",
            ),
            # A movement is told once, by whatever name.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "movement_id"],
                condition=models.Q(movement_id__isnull=False),
                name="statement_references_movement",
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.kind} {self.reference}"
