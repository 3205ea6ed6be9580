"""Abstract tables that every context has in its own schema: outbox, inbox, idempotency keys, nonces and job runs.

They carry tenant columns that may be empty, because a platform event or a signed service call belongs to no merchant.
"""

import datetime as dt
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now

from kernel import clock, ids
from kernel.models import TenantManager
from kernel.schema import TableRules

# Delivered events are history; what nobody has handled stays, however old.
KEEP_EVENTS = dt.timedelta(days=365)
# Whose turn an event counts for. Not COALESCE: under row-level security PostgreSQL trusts only CASE to leak nothing, and
# would not look into the index.
TURN = models.Case(
    models.When(psp_id__isnull=True, then=models.Value(0)),
    default=models.F("psp_id"),
    output_field=models.IntegerField(),
)


class OutboxMessage(models.Model):
    """A committed event on its way to its handlers; delivered rows are the event history.

    `position` orders the events of one aggregate: whoever changes an aggregate holds its row lock, so a later change
    always draws a higher position.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    position = models.BigIntegerField()
    psp_id = models.IntegerField(null=True)
    merchant_id = models.IntegerField(null=True)
    store_id = models.IntegerField(null=True)
    type = models.TextField()
    version = models.SmallIntegerField(default=1)
    aggregate_id = models.TextField()
    payload = models.JSONField()
    request_id = models.TextField(default="")
    tries = models.SmallIntegerField(default=0)
    next_try_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True)
    parked_at = models.DateTimeField(null=True)
    last_error = models.TextField(default="")

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(
        tenant="optional",
        partitioned=True,
        identity="position",
        keep=KEEP_EVENTS,
        keep_while="delivered_at IS NULL",
    )

    class Meta:
        abstract = True
        db_table = "outbox"
        verbose_name_plural = "outbox"
        indexes = (
            # By provider first: the relay takes turns, and nobody's long queue lies before another's event.
            models.Index(
                TURN,
                "next_try_at",
                "position",
                name="%(app_label)s_outbox_turns",
                condition=models.Q(delivered_at__isnull=True, parked_at__isnull=True),
            ),
            models.Index(
                name="%(app_label)s_outbox_aggregate",
                fields=["aggregate_id", "position"],
                condition=models.Q(delivered_at__isnull=True, parked_at__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} {ids.encode('evt', self.id)}"


class InboxEntry(models.Model):
    """A handler's receipt for an event: present means its effect has been committed."""

    consumer = models.TextField()
    event_id = models.UUIDField()
    handled_at = models.DateTimeField(db_default=Now())
    rules = TableRules(tenant=None, deletable=True, reason="holds no tenant data: a handler and an event id")

    class Meta:
        abstract = True
        db_table = "inbox"
        verbose_name_plural = "inbox entries"
        constraints = (
            models.UniqueConstraint(fields=["consumer", "event_id"], name="%(app_label)s_inbox_once"),
        )
        # Finds what has expired. Not BRIN, though rows come in order: their room is given to new ones, and a block's
        # range never shrinks again, so that after one round of expiry all blocks seem to hold old rows.
        indexes = (models.Index(fields=["handled_at"], name="%(app_label)s_inbox_age"),)

    def __str__(self) -> str:
        return f"{self.consumer} {self.event_id}"


class IdempotencyKey(models.Model):
    """The answer to one keyed request, kept in the transaction of its effect. Zero stands for "no merchant/store"."""

    psp_id = models.IntegerField()
    merchant_id = models.IntegerField()
    store_id = models.IntegerField()
    operation = models.TextField()
    key = models.TextField()
    fingerprint = models.BinaryField()
    state = models.TextField()
    resource_id = models.TextField(default="")
    status = models.SmallIntegerField(default=0)
    body = models.BinaryField(default=b"")
    locked_until = models.DateTimeField()
    created_at = models.DateTimeField()
    rules = TableRules(tenant="key", deletable=True)

    class Meta:
        abstract = True
        db_table = "idempotency_keys"
        constraints = (
            # One key has at most one effect per tenant and operation.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "store_id", "operation", "key"],
                name="%(app_label)s_idempotency_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["in_flight", "finished"]),
                name="%(app_label)s_idempotency_state",
            ),
        )
        indexes = (models.Index(fields=["created_at"], name="%(app_label)s_idempotency_age"),)

    def __str__(self) -> str:
        return f"{self.operation} {self.key}"


class Nonce(models.Model):
    """A nonce of a signed service call; it counts once."""

    key_id = models.TextField()
    nonce = models.TextField()
    expires_at = models.DateTimeField(db_index=True)
    rules = TableRules(tenant=None, deletable=True, reason="belongs to a service key, not to a tenant")

    class Meta:
        abstract = True
        db_table = "nonces"
        constraints = (models.UniqueConstraint(fields=["key_id", "nonce"], name="%(app_label)s_nonce_once"),)

    def __str__(self) -> str:
        return f"a nonce of {self.key_id}"


class JobRun(models.Model):
    """A slot of a scheduled job; the unique row makes it run once however many schedulers there are."""

    job = models.TextField()
    slot = models.DateTimeField()
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    handled = models.IntegerField(default=0)
    error = models.TextField(default="")
    rules = TableRules(tenant=None, deletable=True, reason="a schedule of the platform")

    class Meta:
        abstract = True
        db_table = "job_runs"
        constraints = (models.UniqueConstraint(fields=["job", "slot"], name="%(app_label)s_job_once"),)

    def __str__(self) -> str:
        return f"{self.job} {self.slot}"
