"""The database of the smarttab context: its alias, and the only way to open a transaction on it."""

from kernel.db import ContextDb

db = ContextDb("smarttab", alias="smarttab")
atomic = db.atomic
on_commit = db.on_commit
