"""A bar that shows how far a long piece of work is, and how fast it goes."""

import sys
import time

WIDTH = 30


class Bar:
    """Written over on a terminal, one line at each tenth anywhere else."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._began_at, self._tenth = what, total, time.perf_counter(), 0

    def show(self, done: int) -> None:
        tenth = done * 10 // self._total
        if tenth == self._tenth and not sys.stdout.isatty():
            return
        self._tenth = tenth
        filled = done * WIDTH // self._total
        rate = done / max(time.perf_counter() - self._began_at, 1e-9)
        end = "\r" if sys.stdout.isatty() and done < self._total else "\n"
        bar = "#" * filled + "." * (WIDTH - filled)
        print(
            f"  {self._what:<10} [{bar}] {done:>12,} of {self._total:,}, {rate:,.0f}/s", end=end, flush=True
        )
