"""Directories for unix sockets: private, ours, and short enough for the kernel's limit on socket paths."""

import os
import sys
from pathlib import Path

from config.local.errors import ServerFailed
from config.local.osuser import OsUser

LONGEST_PATH = 103 if sys.platform == "darwin" else 107
SHORT_PLACE = Path("/tmp")  # noqa: S108  (the only short directory every system has; ownership is checked)


def socket_directory(tag: str, *, owner: OsUser | None, socket_name: str) -> Path:
    """Make or take over `/tmp/mpac-<tag>`, mode 0700.

    Raises ServerFailed when the name is taken by another account or the path would be too long for a socket.
    """
    directory = SHORT_PLACE / f"mpac-{tag}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    allowed = {0, os.geteuid()} | ({owner.uid} if owner else set())
    if directory.is_symlink() or not directory.is_dir() or found.st_uid not in allowed:
        raise ServerFailed(f"{directory} belongs to somebody else.")
    if owner:
        os.chown(directory, owner.uid, owner.gid)
    directory.chmod(0o700)
    if len(os.fsencode(directory / socket_name)) > LONGEST_PATH:
        raise ServerFailed(f"{directory} is too long a path for a unix socket.")
    return directory
