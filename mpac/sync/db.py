"""The database of the sync context: its alias, and the only way to open a transaction on it."""

from kernel.db import ContextDb

db = ContextDb("sync", alias="sync")
atomic = db.atomic
on_commit = db.on_commit
