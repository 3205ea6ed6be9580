"""Portal in the console, in the order of its front page: the hierarchy, terminals, people, and what lets callers in."""

from kernel.admin import register_plumbing
from mpac.portal.db import db
from mpac.portal.models import IdempotencyKey, InboxEntry, JobRun, Nonce, OutboxMessage

from mpac.portal.admin import directory, fleet, settings, commands, apps, people, roles, credentials  # isort: skip # noqa: F401 - registered in this order
from mpac.portal.admin import sign_in  # isort: skip # noqa: F401 - registered in this order

register_plumbing(db, OutboxMessage, InboxEntry, IdempotencyKey, Nonce, JobRun)
