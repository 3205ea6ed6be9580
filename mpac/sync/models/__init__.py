"""Tables of sync."""

from mpac.sync.models.plumbing import IdempotencyKey, InboxEntry, JobRun, Nonce, OutboxMessage

__all__ = ["IdempotencyKey", "InboxEntry", "JobRun", "Nonce", "OutboxMessage"]
