"""Smarttab's own copies of the tables that every context has."""

from kernel import plumbing


class OutboxMessage(plumbing.OutboxMessage):
    """Smarttab's committed events."""

    class Meta(plumbing.OutboxMessage.Meta):
        pass


class InboxEntry(plumbing.InboxEntry):
    """Events that smarttab has handled."""

    class Meta(plumbing.InboxEntry.Meta):
        pass


class IdempotencyKey(plumbing.IdempotencyKey):
    """Answers to smarttab's keyed requests."""

    class Meta(plumbing.IdempotencyKey.Meta):
        pass


class Nonce(plumbing.Nonce):
    """Nonces of signed calls to smarttab."""

    class Meta(plumbing.Nonce.Meta):
        pass


class JobRun(plumbing.JobRun):
    """Slots of smarttab's scheduled jobs."""

    class Meta(plumbing.JobRun.Meta):
        pass
