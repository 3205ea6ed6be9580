"""Tables of audit."""

from mpac.audit.models.chain import AuditChain
from mpac.audit.models.event import AuditEvent
from mpac.audit.models.plumbing import IdempotencyKey, InboxEntry, JobRun, Nonce, OutboxMessage

__all__ = [
    "AuditChain",
    "AuditEvent",
    "IdempotencyKey",
    "InboxEntry",
    "JobRun",
    "Nonce",
    "OutboxMessage",
]
