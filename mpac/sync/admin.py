"""Sync in the console: it keeps nothing but its plumbing."""

from kernel.admin import register_plumbing
from mpac.sync.db import db
from mpac.sync.models import IdempotencyKey, InboxEntry, JobRun, Nonce, OutboxMessage

register_plumbing(db, OutboxMessage, InboxEntry, IdempotencyKey, Nonce, JobRun)
