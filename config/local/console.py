"""What the person at the keyboard sees: short lines, each with the name of who it is about."""

import sys
import time
from collections.abc import Iterable
from contextlib import suppress

WIDTH = 9


class Console:
    """Writes lines with the time since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def say(self, text: str, *, name: str = "mpac") -> None:
        """One line of news."""
        self._write(name, f"{self.elapsed_s:6.1f} s  {text}")

    def quote(self, lines: Iterable[str], *, name: str) -> None:
        """Lines that a process wrote, as they are."""
        for line in lines:
            self._write(name, line)

    def show(self, text: str) -> None:
        """A block without a prefix."""
        with suppress(BrokenPipeError):  # nobody looks any more: no reason to leave processes behind
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def _write(self, name: str, text: str) -> None:
        self.show(f"{name:<{WIDTH}} | {text}")
