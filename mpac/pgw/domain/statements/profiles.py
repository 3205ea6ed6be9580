"""Which profile reads a file: one of ours by its name, or one that a TOML file declares."""

import datetime as dt
from collections.abc import Iterator
from typing import BinaryIO, Final, Protocol

from mpac.pgw.domain.statements.layouts import LAYOUTS
from mpac.pgw.domain.statements.lines import Fault, StatementLine
from mpac.pgw.domain.statements.mapping import declare
from mpac.pgw.domain.statements.paypal import PayPalProfile
from mpac.pgw.domain.statements.table import TableProfile


class Profile(Protocol):
    """How one provider writes its statements.

    `lag` is how long after a payment its line may still be missing; `evidence` says whether a line may tell what became
    of an open payment. Two profiles with one `fingerprint` read the same lines from a file.
    """

    name: str
    provider: str
    evidence: bool
    lag: dt.timedelta
    fingerprint: str

    def adjusted(self, **changes: str) -> "Profile":
        """The same with another `encoding` or `time_zone`. Raises ValueError."""

    def read(self, file: BinaryIO) -> Iterator[StatementLine | Fault]:
        """The lines in their order, and faults where there should be one. Raises FileFault."""


PROFILES: Final[dict[str, Profile]] = {
    **{name: TableProfile(layout) for name, layout in LAYOUTS.items()},
    PayPalProfile.name: PayPalProfile(),
}


def declared_profile(text: str) -> Profile:
    """The profile that a TOML text declares. Raises MappingMalformed."""
    return TableProfile(declare(text, known=LAYOUTS))
