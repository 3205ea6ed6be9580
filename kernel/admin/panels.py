"""What a row's page shows below its columns: tables of what belongs to it, and texts as they came."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A titled table of `heads` and `rows`, whose cells are texts or safe markup, or a `text` as it is.

    `note` says what has to be known about it, as that there is more than is shown.
    """

    title: str
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    text: str = ""
    note: str = ""
