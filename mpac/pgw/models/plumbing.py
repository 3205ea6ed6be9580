"""The gateway's own outbox, inbox, idempotency keys, nonces and job runs."""

from kernel import plumbing


class OutboxMessage(plumbing.OutboxMessage):
    """The gateway's committed events."""


class InboxEntry(plumbing.InboxEntry):
    """Events that the gateway has handled."""


class IdempotencyKey(plumbing.IdempotencyKey):
    """Answers to the gateway's keyed requests."""


class Nonce(plumbing.Nonce):
    """Nonces of signed calls to the gateway."""


class JobRun(plumbing.JobRun):
    """Slots of the gateway's scheduled jobs."""
