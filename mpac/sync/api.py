"""What the composition root may ask of sync; no context stands above it."""

from kernel.invariants import Invariant
from mpac.sync.db import db
from mpac.sync.services.reconcile import find_drift

__all__ = ["invariants"]


def invariants() -> list[Invariant]:
    """The mirror agrees with its source."""
    return [Invariant("I11", "the mirror has the source's checksums", db, _drifted)]


def _drifted() -> list[tuple[int, int]]:
    return [(drift.psp_id, drift.merchant_id) for drift in find_drift() if drift.in_source]
