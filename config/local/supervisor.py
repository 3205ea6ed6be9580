"""Keeps a set of processes running: restarts what ends on its own, with growing pauses, and says so.

It runs in one thread and does nothing between two calls of `tick`. Servers and programs look the same to it.
"""

import time
from collections.abc import Callable
from typing import Protocol

from config.local.console import Console
from config.local.errors import LocalPlatformError
from config.local.processes import Process, Program, tail

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 30.0
SHOWN_LINES = 8


class Unit(Protocol):
    """Something that can be started again and again."""

    @property
    def name(self) -> str: ...

    process: Process | None

    def launch(self) -> Process:
        """Start it without waiting and remember it as `process`."""


class ProgramUnit:
    """A program of MPAC."""

    def __init__(self, program: Program) -> None:
        self.process: Process | None = None
        self._program = program

    @property
    def name(self) -> str:
        return self._program.name

    def launch(self) -> Process:
        self.process = Process(self._program)
        return self.process


class Watched:
    """One unit with the memory of its crashes."""

    def __init__(self, unit: Unit, *, owned: bool, now: float) -> None:
        self.unit = unit
        self.owned = owned
        self.crashes = 0
        self.started_at = now
        self.restart_at: float | None = None


class Supervisor:
    """Watches units in the order in which they were added."""

    def __init__(self, *, console: Console, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._monotonic = monotonic
        self._watched: list[Watched] = []

    def add(self, unit: Unit, *, owned: bool = True) -> None:
        """Watch a unit; starts it unless it already runs. One that is not `owned` is left running by `stop`."""
        if unit.process is None:
            unit.launch()
        self._watched.append(Watched(unit, owned=owned, now=self._monotonic()))

    def tick(self) -> None:
        """Look once at every unit; restart those that are down and whose pause is over."""
        for watched in self._watched:
            self._look_at(watched, now=self._monotonic())

    def crashes(self) -> dict[str, int]:
        """How often each unit that crashed has done so since it last was steady."""
        return {watched.unit.name: watched.crashes for watched in self._watched if watched.crashes}

    def stop(self) -> None:
        """Stop the owned units, all asked at once and then waited for, and forget the others."""
        processes = [w.unit.process for w in self._watched if w.owned and w.unit.process is not None]
        self._watched.clear()
        for process in processes:
            process.ask_to_stop()
        for process in processes:
            process.stop()

    def _look_at(self, watched: Watched, *, now: float) -> None:
        process = watched.unit.process
        if watched.restart_at is not None:
            if now >= watched.restart_at:
                self._restart(watched, now=now)
        elif process is None or process.exit_code is not None:
            self._note_crash(watched, process, now=now)
        elif watched.crashes and now - watched.started_at > STEADY_AFTER_S:
            watched.crashes = 0

    def _restart(self, watched: Watched, *, now: float) -> None:
        watched.started_at, watched.restart_at = now, None
        try:
            watched.unit.launch()
        except (LocalPlatformError, OSError) as error:
            self._console.say(str(error), name=watched.unit.name)

    def _note_crash(self, watched: Watched, process: Process | None, *, now: float) -> None:
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 3**watched.crashes)
        watched.crashes += 1
        watched.restart_at = now + pause_s
        name = watched.unit.name
        if process is not None:
            process.sweep()
            if (process.exit_code or 0) > 0:  # it had a reason of its own and wrote it down
                self._console.quote(tail(process.program.log, lines=SHOWN_LINES), name=name)
            self._console.say(f"{how_it_ended(process.exit_code)}; restarting in {pause_s:.1f} s", name=name)


def how_it_ended(code: int | None) -> str:
    """The end of a process in words."""
    if code is not None and code < 0:
        return f"was killed by signal {-code}"
    return f"ended with exit code {code}"
