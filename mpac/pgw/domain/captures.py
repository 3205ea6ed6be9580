"""States of a capture: taking held money, all of it or a part, in one call under one key."""

from collections.abc import Mapping
from enum import StrEnum


class CaptureStatus(StrEnum):
    """What is known about one capture."""

    PROCESSING = "processing"  # committed before the call; its outcome may be unknown
    COMPLETED = "completed"  # the money is taken
    FAILED = "failed"  # provably not taken; the hold is as it was


S = CaptureStatus

TRANSITIONS: Mapping[CaptureStatus, frozenset[CaptureStatus]] = {
    S.PROCESSING: frozenset({S.COMPLETED, S.FAILED}),
    S.COMPLETED: frozenset(),
    # A late truth is always accepted: money that was taken was taken.
    S.FAILED: frozenset({S.COMPLETED}),
}


def allows(source: CaptureStatus, target: CaptureStatus) -> bool:
    """True when one step leads from `source` to `target`."""
    return target in TRANSITIONS[source]
