"""Pages of the tables that every context has: outbox, inbox, idempotency keys, nonces and job runs."""

from django.contrib import admin
from django.db import models

from kernel.admin.columns import KindIn
from kernel.admin.pages import PlatformAdmin
from kernel.db import ContextDb


class PlumbingAdmin(PlatformAdmin):
    """Of one context's plumbing."""

    plumbing = True


class OutboxAdmin(PlumbingAdmin):
    """Events on their way, delivered, or parked for a person to look at."""

    kind = "evt"
    references = {"aggregate_id": KindIn("aggregate_id")}
    attention = {"events parked": {"parked_at__isnull": False}}
    list_display = (
        *("id", "type", "aggregate_id", "created_at", "delivered_at", "parked_at", "tries"),
        *("psp_id", "merchant_id", "store_id"),
    )
    list_filter = (
        ("parked_at", admin.EmptyFieldListFilter),
        ("delivered_at", admin.EmptyFieldListFilter),
        "created_at",
    )
    search_fields = ("aggregate_id__exact", "request_id__exact", "type__exact")
    search_help_text = "an event's or its subject's identifier, a request id, or a type of event"
    ordering = ("-id",)


class InboxAdmin(PlumbingAdmin):
    """Receipts of handlers."""

    references = {"event_id": "evt"}
    list_display = ("consumer", "event_id", "handled_at")
    search_fields = ("consumer__exact",)
    search_help_text = "an event's identifier, or a handler's name"
    ordering = ("-id",)


class IdempotencyKeyAdmin(PlumbingAdmin):
    """Keyed requests, without what they asked or were answered."""

    references = {"resource_id": KindIn("resource_id")}
    list_display = (
        *("operation", "key", "state", "status", "resource_id", "created_at"),
        *("psp_id", "merchant_id", "store_id"),
    )
    list_filter = ("created_at",)
    search_fields = ("key__exact",)
    search_help_text = "a key, or the identifier of what was made with it"
    ordering = ("-id",)


class NonceAdmin(PlumbingAdmin):
    """Nonces of signed service calls; the nonces themselves stay hidden."""

    list_display = ("key_id", "expires_at")
    ordering = ("-id",)


class JobRunAdmin(PlumbingAdmin):
    """What ran on a schedule, and how it ended."""

    attention = {"jobs failed": {"error__gt": ""}}
    list_display = ("job", "slot", "started_at", "finished_at", "handled", "error")
    list_filter = ("job", "started_at")
    ordering = ("-slot",)


PAGES: dict[str, type[PlumbingAdmin]] = {
    "OutboxMessage": OutboxAdmin,
    "InboxEntry": InboxAdmin,
    "IdempotencyKey": IdempotencyKeyAdmin,
    "Nonce": NonceAdmin,
    "JobRun": JobRunAdmin,
}


def register_plumbing(db: ContextDb, *tables: type[models.Model]) -> None:
    """Register a context's own outbox, inbox, keys, nonces and job runs."""
    for model in tables:
        page = PAGES[model.__name__]
        admin.site.register(model, type(page.__name__, (page,), {"db": db}))
