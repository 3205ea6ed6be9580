"""Smarttab's own outbox, inbox, idempotency keys, nonces and job runs."""

from kernel import plumbing


class OutboxMessage(plumbing.OutboxMessage):
    """Smarttab's committed events."""


class InboxEntry(plumbing.InboxEntry):
    """Events that smarttab has handled."""


class IdempotencyKey(plumbing.IdempotencyKey):
    """Answers to smarttab's keyed requests."""


class Nonce(plumbing.Nonce):
    """Nonces of signed calls to smarttab."""


class JobRun(plumbing.JobRun):
    """Slots of smarttab's scheduled jobs."""
