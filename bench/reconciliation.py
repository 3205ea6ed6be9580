"""`python -m bench.reconciliation`, run by `make bench-statement` against a throw-away platform.

Seeds payments, writes the statement about them, and takes it in as an operator would: killed once while it is stored and
once while it is compared, begun again each time, and once more when all is done.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.books import PROVIDER, Books
from kernel import clock
from mpac.pgw.domain.statements.profiles import PROFILES

CEILING_MB = 500
HOW_FAR = "SELECT status, stored_up_to, compared_up_to FROM pgw.statement_files WHERE merchant_id = %s"
FOUND = """
    SELECT outcome, count(*) FROM pgw.statement_lines GROUP BY outcome
    UNION ALL SELECT outcome, count(*) FROM pgw.reconciliation_exceptions WHERE line_id IS NULL GROUP BY outcome
"""
OPEN = "SELECT count(*) FROM pgw.payment_attempts WHERE status = 'unknown' AND provider = %s"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the command: how it ended, how long it took, and the most memory that it had."""

    code: int
    elapsed_s: float
    cpu_s: float
    peak_mb: float


def main() -> int:
    """0 when every line came to what it had to, within the memory."""
    chosen = _arguments()
    demo: dict[str, Any] = json.loads(chosen.demo.read_text())
    books = Books(
        count=chosen.lines,
        psp_id=demo["psp"]["id"],
        merchant_id=demo["merchant_id"],
        store_id=demo["store_id"],
        now=clock.now(),
    )
    with (
        tempfile.TemporaryDirectory(prefix="mpac-statement-") as directory,
        psycopg.connect(os.environ["MPAC_ADMIN_DATABASE_URL"], autocommit=True) as admin,
    ):
        path = Path(directory) / "settlement_detail_report.csv"
        books.seed(admin)
        books.write_statement(path)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {chosen.lines:,} lines", flush=True)
        return 0 if _measure(books, path, admin, kill=chosen.kill) else 1


def _measure(books: Books, path: Path, admin: psycopg.Connection, *, kill: bool) -> bool:
    half = books.count // 2
    runs = []
    for column in (1, 2) if kill else ():
        runs.append(_take_in(books, path, until=_reaches(admin, books, column=column, line=half)))
        print(f"killed after {runs[-1].elapsed_s:.1f} s: {_how_far(admin, books)}", flush=True)
    runs.append(_take_in(books, path))
    elapsed_s, cpu_s = sum(run.elapsed_s for run in runs), sum(run.cpu_s for run in runs)
    peak_mb = max(run.peak_mb for run in runs)
    again = _take_in(books, path)
    expected = books.expected(lag=PROFILES[PROVIDER].lag)
    found = dict(admin.execute(FOUND).fetchall())
    still_open = admin.execute(OPEN, [PROVIDER]).fetchone()
    print(
        f"{books.count / elapsed_s:,.0f} lines/s: {elapsed_s:.1f} s, {cpu_s:.1f} s of them computing here and the rest"
        f" in PostgreSQL; at most {peak_mb:.0f} MB (limit {CEILING_MB})\n"
        f"the same file again: {again.elapsed_s:.1f} s\n"
        f"found {found}, as expected: {found == expected}; attempts left open: {still_open}",
        flush=True,
    )
    return found == expected and peak_mb < CEILING_MB and runs[-1].code == again.code == 0


def _take_in(books: Books, path: Path, until: Callable[[], bool] | None = None) -> Run:
    """Run the command, to its end or until it is to be killed."""
    command = [sys.executable, "manage.py", "import_statement", str(path), "--profile", PROVIDER, "--test"]
    command += ["--psp", str(books.psp_id), "--merchant", str(books.merchant_id)]
    began_at = time.perf_counter()
    child = subprocess.Popen(command)
    ended, status, usage = os.wait4(child.pid, os.WNOHANG if until else 0)
    while not ended:
        if until and until():
            child.send_signal(signal.SIGKILL)
            until = None
        time.sleep(0.1)
        ended, status, usage = os.wait4(child.pid, os.WNOHANG)
    return Run(
        code=os.waitstatus_to_exitcode(status),
        elapsed_s=time.perf_counter() - began_at,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
    )


def _how_far(admin: psycopg.Connection, books: Books) -> tuple[Any, ...] | None:
    return admin.execute(HOW_FAR, [books.merchant_id]).fetchone()


def _reaches(admin: psycopg.Connection, books: Books, *, column: int, line: int) -> Callable[[], bool]:
    def reached() -> bool:
        row = _how_far(admin, books)
        return row is not None and row[column] >= line

    return reached


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.reconciliation", description=__doc__)
    demo = os.environ.get("MPAC_DEMO_FILE", ".mpac/demo.json")
    parser.add_argument("--demo", type=Path, default=Path(demo), help="the platform's demo file")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--kill", action="store_true", help="kill it twice on its way")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
