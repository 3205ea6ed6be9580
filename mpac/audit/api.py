"""What others may ask of audit. Records come to it through `kernel.audit.record`, not through here."""

from kernel import clock
from kernel.invariants import Invariant
from mpac.audit.db import db
from mpac.audit.services.verification import find_faults

__all__ = ["invariants"]


def invariants() -> list[Invariant]:
    """The hash chains are whole."""
    return [Invariant("I15", "the audit chains are whole", db, lambda: find_faults(now=clock.now()))]
