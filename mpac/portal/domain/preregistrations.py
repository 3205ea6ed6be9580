"""The life of a vendor's entry.

waiting -> activated -> assigned        (assigned is final: the terminal is a device of a store from then on)
waiting -> assigned, and from both to withdrawn
"""

from enum import StrEnum


class PreregistrationStatus(StrEnum):
    """How far a terminal without a store has come."""

    WAITING = "waiting"  # announced by its vendor
    ACTIVATED = "activated"  # its key is bound; it gets tokens once it stands in a store
    ASSIGNED = "assigned"  # a device of a store
    WITHDRAWN = "withdrawn"  # it will not come


TRANSITIONS: dict[PreregistrationStatus, frozenset[PreregistrationStatus]] = {
    PreregistrationStatus.WAITING: frozenset(
        {
            PreregistrationStatus.ACTIVATED,
            PreregistrationStatus.ASSIGNED,
            PreregistrationStatus.WITHDRAWN,
        }
    ),
    PreregistrationStatus.ACTIVATED: frozenset(
        {PreregistrationStatus.ASSIGNED, PreregistrationStatus.WITHDRAWN}
    ),
    PreregistrationStatus.ASSIGNED: frozenset(),
    PreregistrationStatus.WITHDRAWN: frozenset(),
}
