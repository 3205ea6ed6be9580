"""Which operating-system user the database server runs as. PostgreSQL refuses to run as root."""

import os
import pwd
from dataclasses import dataclass
from typing import Any

from config.local.errors import LocalPlatformError

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class OsUser:
    """An unprivileged account that a child process is switched to."""

    name: str
    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """The arguments of `subprocess.Popen` that switch the child to this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_user() -> OsUser | None:
    """The account for the database server, or None when this process is not root and simply keeps its own.

    `MPAC_PG_OSUSER` chooses one; otherwise `postgres`, then `nobody`.
    """
    if os.geteuid() != 0:
        return None
    wanted = os.environ.get("MPAC_PG_OSUSER")
    for name in (wanted,) if wanted else CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return OsUser(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise LocalPlatformError(
        "PostgreSQL cannot run as root and no unprivileged user was found: create one and name it in MPAC_PG_OSUSER."
    )
