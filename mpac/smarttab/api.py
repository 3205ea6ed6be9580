"""What others may ask of smarttab. Nothing below smarttab needs it, and what is above learns from its events."""

from kernel.invariants import Invariant
from mpac.smarttab.selectors.invariants import list_invariants

__all__ = ["invariants"]


def invariants() -> list[Invariant]:
    """Queries for rows that must not exist."""
    return list_invariants()
