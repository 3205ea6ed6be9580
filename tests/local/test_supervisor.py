"""The supervisor."""

import socket
import sys
from pathlib import Path

import pytest

from config.local.console import Console
from config.local.processes import Program
from config.local.supervisor import ProgramUnit, Supervisor

PATIENCE_S = 10.0


class Clock:
    """Monotonic time that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def supervisor(clock: Clock):
    supervisor = Supervisor(console=Console(), monotonic=clock)
    yield supervisor
    supervisor.stop()


def python(directory: Path, code: str, *, name: str = "worker") -> Program:
    log = directory / f"{name}.log"
    return Program(name=name, argv=[sys.executable, "-c", code], env={}, cwd=directory, log=log)


def crashed(unit: ProgramUnit, supervisor: Supervisor) -> None:
    assert unit.process is not None
    unit.process.wait(PATIENCE_S)
    supervisor.tick()


def test_restarts_a_crashed_process_after_a_pause_and_says_so(tmp_path, clock, supervisor, capsys):
    unit = ProgramUnit(python(tmp_path, "print('about to fail'); raise SystemExit(3)"))
    supervisor.add(unit)
    first = unit.process

    crashed(unit, supervisor)

    assert unit.process is first
    shown = capsys.readouterr().out
    assert "worker    | about to fail" in shown
    assert "ended with exit code 3; restarting in 0.2 s" in shown
    clock.now += 0.3
    supervisor.tick()
    assert unit.process is not first
    assert unit.process.pid != first.pid


def test_pauses_longer_after_every_crash_in_a_row(tmp_path, clock, supervisor, capsys):
    unit = ProgramUnit(python(tmp_path, "raise SystemExit(1)"))
    supervisor.add(unit)
    for _ in range(4):
        crashed(unit, supervisor)
        clock.now += 6
        supervisor.tick()
    shown = capsys.readouterr().out
    assert [f"restarting in {pause} s" in shown for pause in ("0.2", "0.6", "1.8", "5.4")] == [True] * 4
    assert supervisor.crashes() == {"worker": 4}


def test_forgets_the_crashes_of_a_process_that_is_steady_again(tmp_path, clock, supervisor):
    flag = tmp_path / "flag"
    code = f"import pathlib, signal; f = pathlib.Path({str(flag)!r}); f.exists() and signal.pause(); f.touch(); exit(1)"
    unit = ProgramUnit(python(tmp_path, code))
    supervisor.add(unit)
    crashed(unit, supervisor)
    clock.now += 1
    supervisor.tick()
    assert supervisor.crashes() == {"worker": 1}
    clock.now += 31
    supervisor.tick()
    assert supervisor.crashes() == {}


def test_stops_everything_it_owns_and_leaves_the_rest_to_its_owner(tmp_path, supervisor):
    owned = ProgramUnit(python(tmp_path, "import signal; signal.pause()", name="web"))
    borrowed = ProgramUnit(python(tmp_path, "import signal; signal.pause()", name="postgres"))
    supervisor.add(owned)
    supervisor.add(borrowed, owned=False)
    supervisor.stop()
    assert owned.process.exit_code is not None
    assert borrowed.process.exit_code is None
    borrowed.process.stop()


def test_sweeps_away_what_a_crashed_process_left_behind(tmp_path, clock, supervisor):
    """The orphan is seen to end by the end of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        orphan = f"import socket, signal; c = socket.create_connection(('127.0.0.1', {port})); signal.pause()"
        code = (
            f"import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', {orphan!r}]); os._exit(1)"
        )
        unit = ProgramUnit(python(tmp_path, code))
        supervisor.add(unit)
        listener.settimeout(PATIENCE_S)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(PATIENCE_S)
            crashed(unit, supervisor)
            assert connection.recv(1) == b""
