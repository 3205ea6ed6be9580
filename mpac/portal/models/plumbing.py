"""Portal's own outbox, inbox, idempotency keys, nonces and job runs."""

from kernel import plumbing


class OutboxMessage(plumbing.OutboxMessage):
    """Portal's committed events."""


class InboxEntry(plumbing.InboxEntry):
    """Events that portal has handled."""


class IdempotencyKey(plumbing.IdempotencyKey):
    """Answers to portal's keyed requests."""


class Nonce(plumbing.Nonce):
    """Nonces of signed calls to portal."""


class JobRun(plumbing.JobRun):
    """Slots of portal's scheduled jobs."""
