"""The database of the audit context: its alias, and the only way to open a transaction on it."""

from kernel.db import ContextDb

db = ContextDb("audit", alias="audit")
atomic = db.atomic
on_commit = db.on_commit
