"""Audit's own outbox, inbox, idempotency keys, nonces and job runs."""

from kernel import plumbing


class OutboxMessage(plumbing.OutboxMessage):
    """Audit's committed events."""


class InboxEntry(plumbing.InboxEntry):
    """Events that audit has handled."""


class IdempotencyKey(plumbing.IdempotencyKey):
    """Answers to audit's keyed requests."""


class Nonce(plumbing.Nonce):
    """Nonces of signed calls to audit."""


class JobRun(plumbing.JobRun):
    """Slots of audit's scheduled jobs."""
