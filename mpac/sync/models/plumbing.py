"""Sync's own outbox, inbox, idempotency keys, nonces and job runs."""

from kernel import plumbing


class OutboxMessage(plumbing.OutboxMessage):
    """Sync's committed events."""


class InboxEntry(plumbing.InboxEntry):
    """Events that sync has handled."""


class IdempotencyKey(plumbing.IdempotencyKey):
    """Answers to sync's keyed requests."""


class Nonce(plumbing.Nonce):
    """Nonces of signed calls to sync."""


class JobRun(plumbing.JobRun):
    """Slots of sync's scheduled jobs."""
