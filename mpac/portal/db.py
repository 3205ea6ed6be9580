"""The database of the portal context: its alias, and the only way to open a transaction on it."""

from kernel.db import ContextDb

db = ContextDb("portal", alias="default")
atomic = db.atomic
on_commit = db.on_commit
