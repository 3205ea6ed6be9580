"""The state directory of a local platform: who holds it, and how it is forgotten."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from config.local.errors import LocalPlatformError, StateInUse

MARKER = ".made-by-mpac"
SERVERS_LINK = "servers"
LOCK_FILE = ".platform.lock"
SERVERS_LOCK_FILE = ".lock"


def lock(directory: Path, *, name: str = SERVERS_LOCK_FILE) -> IO[str]:
    """Hold `directory` for this process until the returned file is closed. Raises StateInUse."""
    file = (directory / name).open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StateInUse(
            f"Another platform is running on {directory}. Stop it, or set MPAC_STATE to another directory."
        ) from None
    return file


@contextmanager
def hold(state: Path) -> Iterator[None]:
    """Make the state directory if need be and hold it. Raises StateInUse."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(state.iterdir()):
        (state / MARKER).touch()
    with lock(state, name=LOCK_FILE):
        yield


def forget(state: Path) -> bool:
    """Remove a state directory and, for root, the servers' data that it links to. False when there is none.

    Raises StateInUse, and LocalPlatformError when the directory held something before MPAC used it.
    """
    if not state.exists():
        return False
    if not (state / MARKER).exists():
        raise LocalPlatformError(f"{state} was not made by MPAC alone; remove what you do not need by hand.")
    with lock(state, name=LOCK_FILE):
        link = state / SERVERS_LINK
        if link.is_symlink():
            shutil.rmtree(link.readlink(), ignore_errors=True)
        shutil.rmtree(state)
    return True
