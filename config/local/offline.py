"""Runs Python for commands that need settings but no servers, such as `makemigrations --check` or the type checker.

    python -m config.local.offline manage.py makemigrations --check
    python -m config.local.offline -m mypy

The secrets are random and thrown away; the addresses lead nowhere.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from config.contexts import CONTEXTS
from config.local import environment, secrets
from config.local.environment import Addresses
from config.local.options import ROOT, Options

NOWHERE = Addresses(
    database_url="postgresql://127.0.0.1:1/nowhere", admin_database_url="", redis_url="redis://127.0.0.1:1/0"
)


def offline_environment(state: Path) -> dict[str, str]:
    """Settings that load, with servers that do not exist."""
    throw_away = secrets.Secrets()
    throw_away.add_contexts(context.name for context in CONTEXTS)
    options = Options(
        state=state,
        port=8000,
        ws_port=8001,
        sim_port=8002,
        database_url="",
        redis_url="",
        admin_database_url="",
    )
    runtime = environment.build(options=options, secrets=throw_away, addresses=NOWHERE, given={}).runtime
    runtime.pop("PROMETHEUS_MULTIPROC_DIR")
    return runtime | {"MPAC_DB_POOL": "0"}


def main() -> int:
    """Run Python with the given arguments and return its exit code."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, *sys.argv[1:]]
        return subprocess.run(
            command, env=offline_environment(Path(directory)), cwd=ROOT, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
