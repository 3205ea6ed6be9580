"""Creating intents on an empty database and on a full one, in turns: what ten million payments before it cost a new one."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.report import Report, Target

CEILING = 1.2


class RunFailed(Exception):
    """One of the runs had errors or ended early."""


@dataclass(frozen=True)
class Figures:
    """What one run found."""

    rate: float
    p50_ms: float
    p99_ms: float


def compare(*, state: Path, rounds: int, seconds: float, connections: int) -> int:
    """Print every run and the ratio of the medians; 1 when it is too large. Raises RunFailed."""
    report = Report()
    report.begin(f"{connections} connections, {seconds:.0f} s each, {rounds} rounds in turns")
    found: dict[str, list[Figures]] = {"empty": [], "full": []}
    for number in range(rounds):
        for name, place in (("empty", []), ("full", ["--state", str(state)])):
            figures = _measure(place, seconds=seconds, connections=connections)
            found[name].append(figures)
            report.figure(
                f"create intent, {name} {number + 1}",
                f"{figures.rate:.1f}/s, p50 {figures.p50_ms:.0f} ms, p99 {figures.p99_ms:.0f} ms",
            )
    empty, full = (statistics.median(each.rate for each in found[name]) for name in ("empty", "full"))
    ratio = empty / full
    holds = ratio <= CEILING
    report.figure(
        "full / empty, time for one", f"{ratio:.3f} of the medians", Target(f"at most {CEILING}", holds)
    )
    report.end()
    return 0 if holds else 1


def _measure(place: Sequence[str], *, seconds: float, connections: int) -> Figures:
    """One platform, started for this run alone, so that the two never share the machine."""
    with tempfile.TemporaryDirectory() as directory:
        result = Path(directory) / "result.json"
        platform = [sys.executable, "-m", "config.local", "bench-platform", *place, "--"]
        bench = [sys.executable, "-m", "bench", "--only", "create intent", "--alone", "--result", str(result)]
        sizes = ["--seconds", str(seconds), "--connections", str(connections)]
        done = subprocess.run([*platform, *bench, *sizes], capture_output=True, text=True, check=False)
        if done.returncode or not result.exists():
            raise RunFailed((done.stdout + done.stderr)[-2000:])
        return Figures(**json.loads(result.read_text()))
