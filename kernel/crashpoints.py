"""Named places where state crosses a border, so that a test can kill the process exactly there.

A module declares its points when it is imported and calls `crashpoint` where the border is. The call does nothing
unless `MPAC_CRASHPOINT` in the environment names that point; then the process dies by SIGKILL, without cleaning up,
as it would in a power cut. Tests iterate over `CRASHPOINTS`, so a declared point cannot be forgotten.
"""

import os
import signal
from collections.abc import Set as AbstractSet
from typing import Final

from django.conf import settings

_declared: dict[str, None] = {}

CRASHPOINTS: Final[AbstractSet[str]] = _declared.keys()
"""All points declared by the modules imported so far: a live, read-only set."""


def declare(*names: str) -> None:
    """Make crash points known, as `<context>.<what has just happened>`. Raises ValueError for a second owner."""
    for name in names:
        if name in _declared:
            msg = f"crash point {name!r} is declared twice"
            raise ValueError(msg)
        _declared[name] = None


def crashpoint(name: str) -> None:
    """Die here if the environment says so. Raises LookupError for a name that nobody declared."""
    if name not in _declared:
        msg = f"crash point {name!r} is not declared"
        raise LookupError(msg)
    if name == settings.MPAC_CRASHPOINT:
        os.kill(os.getpid(), signal.SIGKILL)
