"""What a check of the chains finds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a chain is broken, at which record (empty when it is missing), and how."""

    psp_id: int
    sequence: int
    event_id: str
    words: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """How far one chain was checked, what was its head then, and where it is broken."""

    psp_id: int
    checked: int
    sequence: int
    digest: str
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A head that was noted elsewhere: the chain must still hold that very record."""

    psp_id: int
    sequence: int
    digest: str
