"""The gateway's own outbox, inbox, idempotency keys, nonces and job runs."""

from kernel import plumbing


class OutboxMessage(plumbing.OutboxMessage):
    """An event of the gateway on its way to its handlers."""

    class Meta(plumbing.OutboxMessage.Meta):
        abstract = False


class InboxEntry(plumbing.InboxEntry):
    """A receipt of one of the gateway's handlers."""

    class Meta(plumbing.InboxEntry.Meta):
        abstract = False


class IdempotencyKey(plumbing.IdempotencyKey):
    """The answer to one keyed request to the gateway."""

    class Meta(plumbing.IdempotencyKey.Meta):
        abstract = False


class Nonce(plumbing.Nonce):
    """A nonce of a signed call to the gateway."""

    class Meta(plumbing.Nonce.Meta):
        abstract = False


class JobRun(plumbing.JobRun):
    """A slot of one of the gateway's scheduled jobs."""

    class Meta(plumbing.JobRun.Meta):
        abstract = False
