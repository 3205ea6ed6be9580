"""What people show about an attempt whose provider does not say: proposed by one, agreed to by another."""

from collections.abc import Mapping
from enum import StrEnum


class EvidenceStatus(StrEnum):
    """How far a piece of evidence has come."""

    PROPOSED = "proposed"  # one person has shown it
    AGREED = "agreed"  # another one has looked, and it counts
    REFUSED = "refused"  # it was withdrawn, or somebody did not believe it


class Verdict(StrEnum):
    """What the evidence says became of the charge."""

    PAID = "paid"
    NOT_PAID = "not_paid"


S = EvidenceStatus

TRANSITIONS: Mapping[EvidenceStatus, frozenset[EvidenceStatus]] = {
    S.PROPOSED: frozenset({S.AGREED, S.REFUSED}),
    S.AGREED: frozenset(),
    S.REFUSED: frozenset(),
}
