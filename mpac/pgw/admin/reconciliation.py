"""Statements, taken in here when they are small, what they came to, and what does not agree: two people settle it here."""

import datetime as dt

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from kernel.admin import Panel, RowAction, find_console_scope
from kernel.admin.columns import badge, tone
from kernel.tenancy import TenantScope
from mpac.pgw.admin.base import GatewayAdmin
from mpac.pgw.admin.statements import UPLOADING, statement_panels
from mpac.pgw.domain.reconciliation import PROPOSALS, ExceptionStatus, Resolution
from mpac.pgw.models import (
    ExceptionEvent,
    ReconciliationException,
    StatementFile,
    StatementLine,
    StatementReference,
)
from mpac.pgw.services.exceptions import approve_resolution, propose_resolution, refuse_resolution

SETTLE = "pgw.settle_exceptions"
TENANT = ("psp_id", "merchant_id")


class ProposalForm(forms.Form):
    """What it is, and what shows it."""

    resolution = forms.ChoiceField(
        choices=[("", ""), *((str(each), each.replace("_", " ")) for each in PROPOSALS)]
    )
    note = forms.CharField(
        max_length=1000, widget=forms.Textarea(attrs={"rows": 4, "cols": 80}), help_text="what shows it"
    )


class RefusalForm(forms.Form):
    """Why a proposal is not right."""

    note = forms.CharField(max_length=1000, help_text="why not")


class ReconciliationAdmin(GatewayAdmin):
    """Pages of what belongs to a merchant as a whole: the staff of single stores see none of it."""

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        scope = find_console_scope(request)
        narrow = isinstance(scope, TenantScope) and scope.store_ids is not None
        return not narrow and super().has_view_permission(request, obj)


def propose(row: ReconciliationException, actor: str, now: dt.datetime, *, resolution: str, note: str) -> str:
    """Say what it is, as the first person."""
    propose_resolution(
        scope=TenantScope(row.psp_id, row.merchant_id),
        exception_id=row.pk,
        resolution=Resolution(resolution),
        note=note,
        person=actor,
        now=now,
    )
    return "It waits for a second person now."


def approve(row: ReconciliationException, actor: str, now: dt.datetime) -> str:
    """Agree, as the second person."""
    scope = TenantScope(row.psp_id, row.merchant_id)
    approve_resolution(scope=scope, exception_id=row.pk, person=actor, now=now)
    return "It is settled."


def send_back(row: ReconciliationException, actor: str, _now: dt.datetime, *, note: str) -> str:
    """Refuse, as the second person."""
    scope = TenantScope(row.psp_id, row.merchant_id)
    refuse_resolution(scope=scope, exception_id=row.pk, note=note, person=actor)
    return "It is open again."


def _is_proposed(row: ReconciliationException) -> bool:
    return bool(row.status == ExceptionStatus.PROPOSED)


@admin.register(ReconciliationException)
class ReconciliationExceptionAdmin(ReconciliationAdmin):
    """What does not agree between a statement and our books."""

    kind = "rex"
    references = {"file": "stm", "line_id": "stl", "attempt_id": "att", "refund_id": "re"}
    attention = {
        "reconciliation exceptions to look into": {"status": "open"},
        "reconciliation exceptions that a second person has to look at": {"status": "proposed"},
    }
    row_actions = (
        RowAction(
            name="propose",
            words="Propose what it is",
            question="Somebody else has to agree before it is settled. Say what it is, and what shows it.",
            permission=SETTLE,
            run=propose,
            form=ProposalForm,
            fits=lambda row: row.status == ExceptionStatus.OPEN,
        ),
        RowAction(
            name="approve",
            words="Agree",
            question="You have looked at what was proposed and at what shows it, and it is settled for good?",
            permission=SETTLE,
            run=approve,
            fits=_is_proposed,
        ),
        RowAction(
            name="refuse",
            words="Send back",
            question="What was proposed is not right, and the exception is open again.",
            permission=SETTLE,
            run=send_back,
            form=RefusalForm,
            fits=_is_proposed,
        ),
    )
    list_display = (
        *("id", "outcome", "status", "told_minor", "known_minor", "provider", "reference", "file"),
        *("line_number", "attempt_id", "refund_id", "resolution", "note", "proposed_by", "resolved_by"),
        *("created_at", *TENANT),
    )
    list_filter = ("status", "outcome", "resolution", "created_at")
    search_fields = ("reference__exact",)
    search_help_text = "an exception's, attempt's or refund's identifier, or the provider's reference"
    ordering = ("-id",)

    def panels(self, request: HttpRequest, row: ReconciliationException) -> list[Panel]:
        """Who said what about it."""
        steps = ExceptionEvent.objects.filter(
            psp_id=row.psp_id, merchant_id=row.merchant_id, exception_id=row.pk
        )
        return [
            Panel(
                title="History",
                heads=("when (UTC)", "state", "what it is", "who", "why"),
                rows=[
                    (
                        f"{each.created_at:%Y-%m-%d %H:%M:%S}",
                        badge(each.to_status, tone_name=tone(each.to_status)),
                        (each.resolution or "").replace("_", " "),
                        each.actor,
                        each.note,
                    )
                    for each in steps.order_by("sequence", "pk")
                ],
            )
        ]


@admin.register(ExceptionEvent)
class ExceptionEventAdmin(ReconciliationAdmin):
    """Who said what about an exception."""

    references = {"exception_id": "rex"}
    list_display = (
        *(
            "created_at",
            "exception_id",
            "sequence",
            "from_status",
            "to_status",
            "resolution",
            "actor",
            "note",
        ),
        *TENANT,
    )
    list_filter = ("created_at",)
    search_fields = ("actor__exact",)
    search_help_text = "an exception's identifier, or who did it"
    ordering = ("-id",)


@admin.register(StatementFile)
class StatementFileAdmin(ReconciliationAdmin):
    """Statements of providers."""

    kind = "stm"
    in_panels = ("report", "faults")
    list_actions = (UPLOADING,)
    attention = {"statements that could not be read": {"status": "rejected"}}
    list_display = (
        *("id", "file_name", "status", "provider", "profile", "lines_total", "compared_up_to", "starts_at"),
        *("ends_at", "checked_until", "livemode", "imported_by", "created_at", *TENANT),
    )
    list_filter = ("status", "livemode", "created_at")
    search_fields = ("file_name__exact", "sha256__exact")
    search_help_text = "a statement's identifier, its file's name, or its SHA-256"
    ordering = ("-id",)

    def panels(self, request: HttpRequest, row: StatementFile) -> list[Panel]:
        """What comparing it came to, or why it was refused."""
        return statement_panels(row)


@admin.register(StatementLine)
class StatementLineAdmin(ReconciliationAdmin):
    """Lines of statements, and what comparing them came to."""

    kind = "stl"
    references = {"file_id": "stm", "attempt_id": "att", "refund_id": "re"}
    list_display = (
        *("file_id", "number", "kind", "outcome", "amount_minor", "known_minor", "fee_minor", "reference"),
        *("payment_reference", "our_reference", "attempt_id", "refund_id", "occurred_at", "batch", *TENANT),
    )
    list_filter = ("outcome", "kind")
    search_fields = ("reference__exact", "our_reference__exact")
    search_help_text = "a statement's, attempt's or refund's identifier, or a reference in the line"
    ordering = ("-id",)


@admin.register(StatementReference)
class StatementReferenceAdmin(ReconciliationAdmin):
    """Movements of money that statements told, each once."""

    references = {"file_id": "stm", "line_id": "stl"}
    list_display = ("reference", "kind", "provider", "file_id", "line_id", "created_at", *TENANT)
    search_fields = ("reference__exact",)
    search_help_text = "a statement's identifier, or the provider's reference"
    ordering = ("-id",)
