"""The gateway's database: its alias and the only way to open a transaction on it."""

from kernel.db import ContextDb

db = ContextDb("pgw", alias="pgw")
atomic = db.atomic
on_commit = db.on_commit
