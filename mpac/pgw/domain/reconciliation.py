"""Comparing statements with our books: what a comparison can come to, and how what does not agree is worked off."""

from collections.abc import Mapping
from enum import StrEnum


class FileStatus(StrEnum):
    """How far a statement has come."""

    REJECTED = "rejected"  # it cannot be read, so nothing of it was taken
    IMPORTING = "importing"
    IMPORTED = "imported"  # every line is stored
    RECONCILED = "reconciled"  # and every line is compared


class Outcome(StrEnum):
    """What comparing a line, or a movement of ours that has no line, came to."""

    MATCHED = "matched"
    MISSING_IN_PROVIDER = "missing_in_provider"  # we know of money that no statement tells
    MISSING_IN_MPAC = "missing_in_mpac"  # a statement tells of money that we do not know
    DUPLICATE = "duplicate"  # the same movement was told before
    AMOUNT_MISMATCH = "amount_mismatch"
    FEE_MISMATCH = "fee_mismatch"
    TIMING = "timing"  # one side is ahead; the other is asked, or waited for
    NO_COUNTERPART = "no_counterpart"  # fees, payouts, adjustments: kept and added up


class ExceptionStatus(StrEnum):
    """How far the work on something that does not agree has come."""

    OPEN = "open"
    PROPOSED = "proposed"  # one person has said what it is
    RESOLVED = "resolved"  # another one agrees, or the missing half has come


class Resolution(StrEnum):
    """What something that did not agree turned out to be."""

    FOUND = "found"  # the missing half came; nobody had to decide
    EXPLAINED = "explained"  # both sides are right
    PROVIDER_CORRECTS = "provider_corrects"
    BOOKED_ELSEWHERE = "booked_elsewhere"  # accounted for outside of MPAC
    WRITTEN_OFF = "written_off"  # the difference is borne


F, E = FileStatus, ExceptionStatus

FILE_TRANSITIONS: Mapping[FileStatus, frozenset[FileStatus]] = {
    F.REJECTED: frozenset({F.IMPORTING}),  # the same file, read by a better profile
    F.IMPORTING: frozenset({F.IMPORTED}),
    F.IMPORTED: frozenset({F.RECONCILED}),
    F.RECONCILED: frozenset(),
}
EXCEPTION_TRANSITIONS: Mapping[ExceptionStatus, frozenset[ExceptionStatus]] = {
    E.OPEN: frozenset({E.PROPOSED, E.RESOLVED}),
    E.PROPOSED: frozenset({E.OPEN, E.RESOLVED}),
    E.RESOLVED: frozenset(),
}

# What people, or a later statement, have to settle.
EXCEPTIONS: frozenset[Outcome] = frozenset(Outcome) - {Outcome.MATCHED, Outcome.NO_COUNTERPART}
# What a person may propose.
PROPOSALS: tuple[Resolution, ...] = tuple(
    resolution for resolution in Resolution if resolution is not Resolution.FOUND
)
# What may come right without anybody's doing, and is looked at again.
WAITING: frozenset[Outcome] = frozenset({Outcome.MISSING_IN_MPAC, Outcome.TIMING})
