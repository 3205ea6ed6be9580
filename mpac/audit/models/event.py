"""The audit trail's records."""

import datetime as dt
from typing import Any, ClassVar

from django.db import models

from kernel import clock, ids
from kernel.clock import rfc3339
from kernel.models import TenantManager
from kernel.schema import TableRules

PREFIX = "aud"
# Columns that the digest covers as they are. `id` and the instants are written as text.
COVERED = (
    *("psp_id", "merchant_id", "store_id", "livemode", "sequence", "context", "action", "object_type", "object_id"),
    *("actor_kind", "actor_id", "acting_as", "before", "after", "reason", "request_id", "address", "user_agent"),
)  # fmt: skip


class AuditEvent(models.Model):
    """One record: who did what to which thing, as whom, why, from where, and what it was before and after.

    `created_at` is when it joined its chain, `occurred_at` when it was done; `event_id` is the writer's outbox message.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    psp_id = models.IntegerField(null=True)
    merchant_id = models.IntegerField(null=True)
    store_id = models.IntegerField(null=True)
    livemode = models.BooleanField(null=True)
    sequence = models.BigIntegerField()
    event_id = models.UUIDField()
    context = models.TextField()
    action = models.TextField()
    object_type = models.TextField()
    object_id = models.TextField()
    actor_kind = models.TextField()
    actor_id = models.TextField()
    acting_as = models.TextField(default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(default="")
    request_id = models.TextField(default="")
    address = models.TextField(default="")
    user_agent = models.TextField(default="")
    occurred_at = models.DateTimeField()
    previous_digest = models.TextField()
    digest = models.TextField()

    objects: ClassVar[Any] = TenantManager()
    # Without a store a row is the merchant's or the provider's own; whoever sees one store only does not see it.
    rules = TableRules(tenant="store", append_only=True, partitioned=True)

    class Meta:
        db_table = "audit_events"
        default_manager_name = "objects"
        indexes = (
            models.Index(fields=["psp_id", "sequence"], name="audit_event_chain"),
            models.Index(fields=["psp_id", "object_type", "object_id", "id"], name="audit_event_object"),
            models.Index(fields=["psp_id", "actor_id", "id"], name="audit_event_actor"),
            models.Index(fields=["psp_id", "action", "id"], name="audit_event_action"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}"

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)

    def covered(self) -> dict[str, Any]:
        """What the digest covers: every column but the digests themselves."""
        return {
            **{name: getattr(self, name) for name in COVERED},
            "id": str(self.id),
            "event_id": str(self.event_id),
            "created_at": _text(self.created_at),
            "occurred_at": _text(self.occurred_at),
        }


def _text(instant: dt.datetime) -> str:
    return rfc3339(instant)
