"""Payments: intents, attempts, captures, refunds, and what was learned about them."""

import datetime as dt

from django.contrib import admin
from django.http import HttpRequest

from kernel import clock
from kernel.admin import Panel
from mpac.pgw.admin.base import WHERE, GatewayAdmin, ProviderFilter, is_narrowed_to_merchant
from mpac.pgw.admin.evidence_actions import ON_EVIDENCE, SHOWING
from mpac.pgw.admin.money_actions import ASKING, ON_INTENTS, ON_REFUNDS
from mpac.pgw.admin.timeline import timeline_panel
from mpac.pgw.domain.attempts import OPEN
from mpac.pgw.models import (
    AttemptEvidence,
    Capture,
    IntentEvent,
    LatePayment,
    PaymentAttempt,
    PaymentIntent,
    PaymentTransaction,
    ProviderReference,
    Refund,
)


def since(then: dt.datetime) -> str:
    """How long ago, as people say it."""
    minutes, seconds = divmod(max(0, int((clock.now() - then).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    said = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(said[:2]) or "0 s"


@admin.register(PaymentIntent)
class PaymentIntentAdmin(GatewayAdmin):
    """Wishes to take money."""

    kind = "pi"
    row_actions = ON_INTENTS
    list_display = (
        *("id", "status", "amount_minor", "captured_minor", "method", "provider", "livemode", "created_at"),
        *("reference", "source", *WHERE),
    )
    list_filter = ("status", ProviderFilter, "method", "source", "livemode", "created_at")
    search_fields = ("reference__exact",)
    search_help_text = "an intent's identifier, or the caller's own reference"
    ordering = ("-id",)

    def panels(self, request: HttpRequest, row: PaymentIntent) -> list[Panel]:
        """Everything that happened to it, in one order."""
        with_partner = not is_narrowed_to_merchant(request)
        return [timeline_panel(row, with_partner=with_partner, link=self.link_to)]


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(GatewayAdmin):
    """Charges at providers."""

    kind = "att"
    row_actions = (ASKING, SHOWING)
    references = {"intent": "pi"}
    attention = {"attempts whose outcome is unknown": {"status": "unknown"}}
    list_display = (
        *("id", "status", "amount_minor", "provider", "open_for", "error_code", "probes", "next_probe_at"),
        *("captured_minor", "provider_reference", "intent", "number", "created_at", "provider_key", *WHERE),
    )
    list_filter = (
        "status",
        ProviderFilter,
        "livemode",
        ("next_probe_at", admin.EmptyFieldListFilter),
        "created_at",
    )
    search_fields = ("provider_key__exact", "provider_reference__exact")
    search_help_text = (
        "an attempt's or intent's identifier, our key at the provider, or the provider's reference"
    )
    ordering = ("-id",)

    @admin.display(description="open for", ordering="status_at")
    def open_for(self, row: PaymentAttempt) -> str:
        """How long its outcome has been open."""
        return since(row.status_at) if row.status in OPEN else ""


@admin.register(AttemptEvidence)
class AttemptEvidenceAdmin(GatewayAdmin):
    """What one person showed about an attempt, and what another one said to it."""

    kind = "evd"
    row_actions = ON_EVIDENCE
    references = {"intent_id": "pi", "attempt": "att"}
    attention = {"pieces of evidence that a second person has to look at": {"status": "proposed"}}
    list_display = (
        *("id", "status", "verdict", "amount_minor", "reference", "happened_at", "note", "attempt"),
        *("proposed_by", "decided_by", "decided_at", "decision_note", "created_at", *WHERE),
    )
    list_filter = ("status", "verdict", "created_at")
    search_fields = ("reference__exact", "proposed_by__exact", "decided_by__exact")
    search_help_text = "an attempt's or intent's identifier, the reference that was shown, or who did it"
    ordering = ("-id",)


@admin.register(Capture)
class CaptureAdmin(GatewayAdmin):
    """Held money taken."""

    kind = "cap"
    row_actions = (ASKING,)
    references = {"intent": "pi", "attempt": "att"}
    list_display = (
        *("id", "status", "amount_minor", "final", "provider", "provider_reference", "intent", "created_at"),
        *("error_code", "probes", "next_probe_at", "operation_key", "requested_by", *WHERE),
    )
    list_filter = ("status", "livemode", "created_at")
    search_fields = ("operation_key__exact", "provider_reference__exact")
    search_help_text = (
        "a capture's or intent's identifier, our key at the provider, or the provider's reference"
    )
    ordering = ("-id",)


@admin.register(Refund)
class RefundAdmin(GatewayAdmin):
    """Money given back."""

    kind = "re"
    row_actions = ON_REFUNDS
    references = {"intent": "pi", "attempt": "att", "retry_of": "re"}
    attention = {
        "refunds that people have to send": {"status": "pending", "evidence_by__isnull": True},
        "refunds that a second person has to look at": {"status": "pending", "evidence_by__isnull": False},
        "refunds that failed": {"status": "failed", "refund__isnull": True},
        "refunds that came back": {"status": "reversed", "refund__isnull": True},
    }
    list_display = (
        *("id", "status", "amount_minor", "reason", "manual", "provider", "provider_reference", "intent"),
        *("created_at", "error_code", "probes", "next_probe_at", "operation_key", "retry_of"),
        *("requested_by", "evidence_by", "approved_by", *WHERE),
    )
    list_filter = ("status", ProviderFilter, "manual", "livemode", "created_at")
    search_fields = ("operation_key__exact", "provider_reference__exact", "payment_reference__exact")
    search_help_text = (
        "a refund's or intent's identifier, our key at the provider, or the provider's reference"
    )
    ordering = ("-id",)


@admin.register(IntentEvent)
class IntentEventAdmin(GatewayAdmin):
    """The steps of intents, attempts, captures and refunds."""

    references = {"intent_id": "pi", "attempt_id": "att", "capture_id": "cap", "refund_id": "re"}
    list_display = (
        *(
            "created_at",
            "intent_id",
            "attempt_id",
            "capture_id",
            "refund_id",
            "sequence",
            "from_status",
            "to_status",
            "actor",
            "reason",
        ),
        *WHERE,
    )
    list_filter = ("created_at",)
    search_fields = ("actor__exact",)
    search_help_text = "an intent's or attempt's identifier, or who did it"
    ordering = ("-id",)


@admin.register(PaymentTransaction)
class PaymentTransactionAdmin(GatewayAdmin):
    """What providers answered."""

    references = {"payment_intent_id": "pi", "attempt_id": "att"}
    list_display = (
        *("created_at", "status", "amount_minor", "provider_name", "provider_reference", "learned_from"),
        *("payment_intent_id", "attempt_id", "error_code", *WHERE),
    )
    list_filter = ("created_at",)
    search_fields = ("provider_reference__exact",)
    search_help_text = "an intent's or attempt's identifier, or the provider's reference"
    ordering = ("-id",)


@admin.register(ProviderReference)
class ProviderReferenceAdmin(GatewayAdmin):
    """Movements of money that were counted, each once."""

    references = {"attempt_id": "att"}
    list_display = ("reference", "provider", "attempt_id", "created_at", *WHERE)
    search_fields = ("reference__exact",)
    search_help_text = "an attempt's identifier, or the provider's reference"
    ordering = ("-id",)


@admin.register(LatePayment)
class LatePaymentAdmin(GatewayAdmin):
    """Money that came too late, twice, or wrong."""

    references = {"intent": "pi", "attempt": "att"}
    attention = {
        "late payments to decide on": {"status": "received"},
        "late payments to give back": {"status": "return_due"},
    }
    list_display = (
        *("created_at", "status", "amount_minor", "reason", "provider", "provider_reference", "intent"),
        *("decided_at", "return_reason", *WHERE),
    )
    list_filter = ("status", "reason", "created_at")
    search_fields = ("provider_reference__exact",)
    search_help_text = "an intent's or attempt's identifier, or the provider's reference"
    ordering = ("-id",)
