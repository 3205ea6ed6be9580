"""The gateway in the console, in the order of its front page: what it charges, what providers said, and what it mirrors."""

from kernel.admin import register_plumbing
from mpac.pgw.db import db
from mpac.pgw.models import IdempotencyKey, InboxEntry, JobRun, Nonce, OutboxMessage

from mpac.pgw.admin import payments, disputes, reconciliation, webhooks, partners, routing, mirror, console  # isort: skip # noqa: F401 - registered in this order

register_plumbing(db, OutboxMessage, InboxEntry, IdempotencyKey, Nonce, JobRun)
