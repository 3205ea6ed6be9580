"""The table: one line a measurement, each with what it should hold to and whether it does."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from bench.load import Result

HEAD = f"{'':<28} {'rate':>11} {'p50':>9} {'p95':>9} {'p99':>9} {'max':>9} {'errors':>6}  target"


@dataclass(frozen=True)
class Target:
    """What a figure should hold to."""

    text: str
    holds: bool

    def __str__(self) -> str:
        return f"{self.text}: {'ok' if self.holds else 'MISSED'}"


class Report:
    """Prints the lines as they come, and the targets that were missed in the end."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def begin(self, what: str) -> None:
        load = os.getloadavg()[0]
        print(
            f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before, Python"
            f" {platform.python_version()}; {what}\n{HEAD}",
            flush=True,
        )

    def result(self, result: Result, *targets: Target) -> None:
        """The line of a run, and what went wrong in it."""
        times = "".join(f" {1000 * result.percentile(percent):>6.0f} ms" for percent in (50, 95, 99, 100))
        self._print(f"{result.name:<28} {result.rate:>9.1f}/s{times} {result.errors.total():>6}", targets)
        for text, count in result.errors.most_common(5):
            print(f"    {count} x {text}", flush=True)

    def figure(self, name: str, text: str, *targets: Target) -> None:
        """A line that is not about calls."""
        self._print(f"{name:<28} {text:<61}", targets)

    def end(self) -> None:
        """Say what was missed; a busy machine misses what a quiet one holds."""
        if self.missed:
            print(f"missed on this machine: {'; '.join(self.missed)}", flush=True)

    def _print(self, line: str, targets: Sequence[Target]) -> None:
        self.missed += [f"{line[:28].strip()}, {target.text}" for target in targets if not target.holds]
        print(f"{line}  {', '.join(map(str, targets))}".rstrip(), flush=True)
