"""The life of a list of terminals that is taken in.

checked -> running -> done        (checked, nothing is registered yet; rejected, nothing ever will be)
"""

from enum import StrEnum


class ImportStatus(StrEnum):
    """How far a list has come."""

    REJECTED = "rejected"  # a row of it is at fault
    CHECKED = "checked"  # every row could be registered when it was looked at
    RUNNING = "running"  # rows are registered, batch by batch
    DONE = "done"  # every row was registered or refused


TRANSITIONS: dict[ImportStatus, frozenset[ImportStatus]] = {
    ImportStatus.REJECTED: frozenset(),
    ImportStatus.CHECKED: frozenset({ImportStatus.RUNNING}),
    ImportStatus.RUNNING: frozenset({ImportStatus.DONE}),
    ImportStatus.DONE: frozenset(),
}
