"""Child processes that end with the process that started them, however that one ends.

On Linux the kernel itself signals the child when the starting thread dies (PR_SET_PDEATHSIG), so start children
from the main thread. Every child leads a process group of its own: a Ctrl-C in the terminal reaches only the
supervisor, and what a crashed child leaves behind can be swept away.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config.local.osuser import OsUser

PR_SET_PDEATHSIG = 1
LOG_KEEP_BYTES = 8 * 1024 * 1024
TAIL_BYTES = 64 * 1024
PROC = Path("/proc")

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, as whom, and how to end it."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    run_as: OsUser | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    force_signal: signal.Signals = signal.SIGKILL
    patience_s: float = 10.0


class Process:
    """A started program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        rotate(program.log)
        switch = program.run_as.popen_arguments() if program.run_as else {}
        with program.log.open("ab") as log:
            self._popen = subprocess.Popen(
                list(program.argv),
                cwd=program.cwd,
                env=dict(program.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent(program.stop_signal),
                **switch,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._popen.poll()

    def wait(self, timeout_s: float) -> int:
        """Wait for the process to end on its own; raises TimeoutError when it does not."""
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.program.name} still runs after {timeout_s} s") from None

    def ask_to_stop(self) -> None:
        """Send the polite signal; does nothing when the process is gone."""
        if self.exit_code is None:
            self._popen.send_signal(self.program.stop_signal)

    def stop(self) -> int:
        """Stop politely, then by force, and leave nothing of its group behind. Returns the exit code."""
        self.ask_to_stop()
        try:
            self._popen.wait(self.program.patience_s)
        except subprocess.TimeoutExpired:
            self._popen.send_signal(self.program.force_signal)
            try:
                self._popen.wait(self.program.patience_s)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        code = self._popen.wait()
        self.sweep()
        return code

    def sweep(self) -> None:
        """End what a dead process left in its group, for example the workers of a killed web server."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def end_with_parent(sig: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """What runs in the child before its program: ask the kernel for `sig` at the death of the starter."""
    parent = os.getpid()

    def before_exec() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)

    return before_exec


def rotate(log: Path) -> None:
    """Put an overgrown log aside, keeping one older file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_KEEP_BYTES:
            log.replace(log.with_suffix(log.suffix + ".1"))


def tail(log: Path, *, lines: int) -> list[str]:
    """The last lines of a log, newest last; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []


def command_line(pid: int) -> str:
    """What the process with this number runs; empty when there is none."""
    if PROC.is_dir():
        try:
            return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except FileNotFoundError:
            return ""
    ps = ["ps", "-p", str(pid), "-o", "command="]
    return subprocess.run(ps, text=True, capture_output=True, check=False).stdout.strip()


def working_directory(pid: int) -> Path | None:
    """Where the process with this number works; None when there is none or the system does not tell."""
    try:
        return (PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def without_libpq_variables() -> dict[str, str]:
    """This process's environment without `PG*`, which would redirect the server's own tools."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
