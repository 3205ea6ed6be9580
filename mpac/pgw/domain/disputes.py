"""States of a dispute: a payer's bank takes a card payment back, and both sides are heard."""

from collections.abc import Mapping
from enum import StrEnum


class DisputeStatus(StrEnum):
    """How far a dispute has come."""

    OPENED = "opened"  # the money is gone for now; evidence may be due
    UNDER_REVIEW = "under_review"  # the evidence lies with the payer's bank
    WON = "won"  # the money is back, unless the payer's bank tries once more
    LOST = "lost"  # the money is gone for good


S = DisputeStatus

TRANSITIONS: Mapping[DisputeStatus, frozenset[DisputeStatus]] = {
    S.OPENED: frozenset({S.UNDER_REVIEW, S.WON, S.LOST}),
    S.UNDER_REVIEW: frozenset({S.WON, S.LOST}),
    # A second chargeback takes back what was won, and is the last word.
    S.WON: frozenset({S.LOST}),
    S.LOST: frozenset(),
}

CLOSED: frozenset[DisputeStatus] = frozenset({S.WON, S.LOST})


def allows(source: DisputeStatus, target: DisputeStatus) -> bool:
    """True when one step leads from `source` to `target`. News that comes late leads nowhere and is no error."""
    return target in TRANSITIONS[source]
