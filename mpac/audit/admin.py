"""Audit in the console: read-only, each person within their tenant."""

from django.contrib import admin

from kernel.admin import ConsoleAdmin, KindIn, PlatformAdmin, register_plumbing
from mpac.audit.db import db
from mpac.audit.models import (
    AuditChain,
    AuditEvent,
    IdempotencyKey,
    InboxEntry,
    JobRun,
    Nonce,
    OutboxMessage,
)


@admin.register(AuditEvent)
class AuditEventAdmin(ConsoleAdmin):
    """Who did what, when, to which thing."""

    db = db
    kind = "aud"
    references = {"object_id": KindIn("object_id"), "event_id": "evt"}
    list_display = (
        *("id", "occurred_at", "action", "object_type", "object_id", "actor_kind", "actor_id", "acting_as"),
        *("reason", "address", "psp_id", "merchant_id", "store_id"),
    )
    list_filter = ("occurred_at",)
    search_fields = ("action__exact", "actor_id__exact", "acting_as__exact", "object_id__exact")
    search_help_text = "an action, who acted, or the identifier of what was changed"
    ordering = ("-id",)


@admin.register(AuditChain)
class AuditChainAdmin(PlatformAdmin):
    """Where each chain ends, and how far it was checked and set aside."""

    db = db
    list_display = (
        *("psp_id", "sequence", "digest", "appended_at", "verified_sequence", "verified_at"),
        "archived_sequence",
    )
    ordering = ("psp_id",)


register_plumbing(db, OutboxMessage, InboxEntry, IdempotencyKey, Nonce, JobRun)
