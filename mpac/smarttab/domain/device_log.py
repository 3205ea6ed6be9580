"""The cursor arithmetic of a device's event log: sequence numbers start at 1 and have no gaps."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LogBounds:
    """`head` is the last sequence written (0 = none yet), `floor` the first one still kept."""

    head: int
    floor: int


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Sequences that were written and are kept no more, both ends included."""

    first: int
    last: int


def gap_after(*, after: int, bounds: LogBounds) -> Gap | None:
    """Return what a reader who has seen everything up to `after` can no longer read, if anything."""
    if after >= bounds.floor - 1:
        return None
    return Gap(first=after + 1, last=bounds.floor - 1)
