"""The bare database on the same statements: pgbench as the gateway's runtime role, with as many connections."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench.statements import Script

JOBS = 2
TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
LATENCY = re.compile(r"^latency average = ([0-9.]+) ms", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: ([0-9]+)", re.MULTILINE)


class PgbenchFailed(Exception):
    """pgbench did not run to its end."""


@dataclass(frozen=True)
class Bare:
    """What pgbench measured."""

    rate: float
    latency_ms: float
    failed: int


def run(script: Script, *, environment: Mapping[str, str], connections: int, seconds: int) -> Bare:
    """Run the script, keeping it for a look afterwards when MPAC_BENCH_SCRIPT names a file. Raises PgbenchFailed."""
    binary = Path(environment.get("MPAC_PG_BIN", "")) / "pgbench"
    keep = environment.get("MPAC_BENCH_SCRIPT")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(keep) if keep else Path(directory) / "create_intent.sql"
        path.write_text(script.text)
        command = [
            *(
                str(binary),
                "--no-vacuum",
                "--protocol",
                script.protocol,
                "--define",
                "mpacturn=0",
                "--file",
                str(path),
            ),
            *("--client", str(connections), "--jobs", str(JOBS), "--time", str(seconds)),
        ]
        done = subprocess.run(
            command, env=_connection(environment), capture_output=True, text=True, check=False
        )
    rate, latency = TPS.search(done.stdout), LATENCY.search(done.stdout)
    failed = FAILED.search(done.stdout)
    if done.returncode or not rate or not latency:
        raise PgbenchFailed((done.stderr or done.stdout)[:800])
    return Bare(rate=float(rate[1]), latency_ms=float(latency[1]), failed=int(failed[1]) if failed else 0)


def _connection(environment: Mapping[str, str]) -> dict[str, str]:
    """libpq's variables for the gateway's runtime role."""
    url = urlsplit(environment.get("PGW_DATABASE_URL") or environment["DATABASE_URL"])
    host = unquote(url.hostname or "127.0.0.1")
    return {
        "PATH": os.environ.get("PATH", ""),
        "PGHOST": unquote(url.netloc.rpartition("@")[2].rpartition(":")[0]) if "%2F" in url.netloc else host,
        "PGPORT": str(url.port or 5432),
        "PGDATABASE": url.path.lstrip("/"),
        "PGUSER": "mpac_pgw",
        "PGPASSWORD": environment.get("MPAC_DB_PASSWORD_PGW", ""),
        "PGOPTIONS": "-c search_path=pgw",
    }
