"""Portal's outbox, inbox, idempotency keys, nonces and job runs."""

from kernel import plumbing


class OutboxMessage(plumbing.OutboxMessage):
    class Meta(plumbing.OutboxMessage.Meta):
        pass


class InboxEntry(plumbing.InboxEntry):
    class Meta(plumbing.InboxEntry.Meta):
        pass


class IdempotencyKey(plumbing.IdempotencyKey):
    class Meta(plumbing.IdempotencyKey.Meta):
        pass


class Nonce(plumbing.Nonce):
    class Meta(plumbing.Nonce.Meta):
        pass


class JobRun(plumbing.JobRun):
    class Meta(plumbing.JobRun.Meta):
        pass
