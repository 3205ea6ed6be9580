"""The row of a statement: how far it came, one step at a time."""

from collections.abc import Callable
from typing import Any

from mpac.pgw.errors import StatementBusy
from mpac.pgw.models import StatementFile

# Tells what is done, and how many of how many lines.
Progress = Callable[[str, int, int], None]


def advance_file(file: StatementFile, **changes: Any) -> None:
    """Store how far a file came. Raises StatementBusy when another run took it further than we know."""
    changes["version"] = file.version + 1
    if not StatementFile.objects.filter(pk=file.pk, version=file.version).update(**changes):
        raise StatementBusy
    for name, value in changes.items():
        setattr(file, name, value)
