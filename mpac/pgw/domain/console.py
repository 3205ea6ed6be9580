"""What is done in the console, and how that ended."""

from collections.abc import Mapping
from enum import StrEnum


class EntryStatus(StrEnum):
    """How an action ended. One that stays asked was cut off on the way."""

    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"


S = EntryStatus

TRANSITIONS: Mapping[EntryStatus, frozenset[EntryStatus]] = {
    S.ASKED: frozenset({S.DONE, S.REFUSED}),
    S.DONE: frozenset(),
    S.REFUSED: frozenset(),
}
