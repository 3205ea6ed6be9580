"""The tables that every context has, in sync's schema."""

from kernel import plumbing


class OutboxMessage(plumbing.OutboxMessage):
    class Meta(plumbing.OutboxMessage.Meta):
        abstract = False


class InboxEntry(plumbing.InboxEntry):
    class Meta(plumbing.InboxEntry.Meta):
        abstract = False


class IdempotencyKey(plumbing.IdempotencyKey):
    class Meta(plumbing.IdempotencyKey.Meta):
        abstract = False


class Nonce(plumbing.Nonce):
    class Meta(plumbing.Nonce.Meta):
        abstract = False


class JobRun(plumbing.JobRun):
    class Meta(plumbing.JobRun.Meta):
        abstract = False
