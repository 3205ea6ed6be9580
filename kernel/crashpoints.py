"""Named places where state crosses a border, so that a test can kill the process exactly there.

A module declares its points when it is imported and calls `crashpoint` where the border is. The call does nothing
unless `MPAC_CRASHPOINT_FILE` in the environment names a file that holds the name of that point. Then the process takes
the file away and dies by SIGKILL, without cleaning up, as it would in a power cut. So a running platform can be armed at
any time, exactly one process dies, and a missing file says that it did. Tests iterate over `CRASHPOINTS`, so a declared
point cannot be forgotten.
"""

import os
import signal
from collections.abc import Set as AbstractSet
from pathlib import Path
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
    """Die here if this point is armed. Raises LookupError for a name that nobody declared."""
    if name not in _declared:
        msg = f"crash point {name!r} is not declared"
        raise LookupError(msg)
    if settings.MPAC_CRASHPOINT_FILE and _disarm(Path(settings.MPAC_CRASHPOINT_FILE), name):
        os.kill(os.getpid(), signal.SIGKILL)


def _disarm(file: Path, name: str) -> bool:
    """Whether the file held this name and it was this process that took it away."""
    try:
        if file.read_text().strip() != name:
            return False
        file.unlink()
    except FileNotFoundError:
        return False
    return True
