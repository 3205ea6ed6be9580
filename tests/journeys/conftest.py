"""A whole platform in processes of its own, with the simulator, as `make run` starts it: one for all journeys."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from config.local.state import forget
from simulator.terminal.client import Terminal
from tests.receiver import Receiver

ROOT = Path(__file__).parent.parent.parent
START_S = 120.0
POLL_S = 0.1
GENEROUS = {
    f"MPAC_RATE_LIMIT_{name}": "1000000"
    for name in ("MERCHANT", "GLOBAL", "PARTNER", "ADDRESS", "SIGN_IN_ADDRESS")
}


class RunningPlatform:
    """A platform of this test run: its demo file, its processes, and ways to hurt it."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.process: subprocess.Popen[bytes] | None = None
        self.demo: dict[str, Any] = {}

    def start(self, **environment: str) -> None:
        """Start and wait until the demo file is written."""
        ports = dict(zip(("MPAC_PORT", "MPAC_WS_PORT", "MPAC_SIM_PORT"), free_ports(3), strict=True))
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MPAC_", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PYTEST_", "DJANGO_"))
        }
        own = {
            "MPAC_STATE": str(self.state),
            "MPAC_FIRST_SALE": "0",
            "MPAC_CRASHPOINT_FILE": str(self.crashpoint),
        }
        chosen = kept | GENEROUS | ports | own | environment
        demo_file = self.state / "demo.json"
        demo_file.unlink(missing_ok=True)
        log = (self.state.parent / f"{self.state.name}.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.local", "run"], cwd=ROOT, env=chosen, stdout=log, stderr=log
        )
        log.close()
        until(lambda: demo_file.exists() or self.process.poll() is not None, timeout_s=START_S)
        if self.process.poll() is not None:
            pytest.fail((self.state.parent / f"{self.state.name}.log").read_text()[-4000:])
        self.demo = json.loads(demo_file.read_text())

    def stop(self) -> None:
        """Stop everything and leave nothing behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        forget(self.state)

    @property
    def crashpoint(self) -> Path:
        """The file that arms a crash point while it exists."""
        return self.state / "crashpoint"

    @contextmanager
    def crash_at(self, point: str) -> Iterator[None]:
        """Let the next process that gets to this point die there; leaving the block waits until one has."""
        self.crashpoint.write_text(point)
        yield
        until(lambda: not self.crashpoint.exists(), timeout_s=30)

    def is_ready(self) -> bool:
        """Whether the platform answers calls."""
        with suppress(httpx2.TransportError):
            return httpx2.get(f"{self.demo['base_url']}/readyz", trust_env=False).status_code == 200
        return False

    def terminal(self) -> Terminal:
        return Terminal(self.demo)

    def simulator(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the simulator's control interface."""
        with httpx2.Client(base_url=self.demo["simulator_url"], timeout=10, trust_env=False) as http:
            answer = http.post(path, json=body) if body is not None or path == "/__reset" else http.get(path)
            assert answer.status_code == 200, answer.text
            return answer.json()

    def script(self, operation: str, behaviour: str, *, times: int = 1) -> None:
        self.simulator(
            "/__script", {"provider": "scb", "operation": operation, "behaviour": behaviour, "times": times}
        )

    def charges(self) -> list[dict[str, Any]]:
        charges: list[dict[str, Any]] = self.simulator("/__truth")["charges"]
        return charges

    def invariants(self) -> subprocess.CompletedProcess[str]:
        """Run `manage.py check_invariants` against this platform."""
        return self.manage("check_invariants")

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command with the environment of the platform's relay."""
        [pid] = until(lambda: self.pids("manage.py relay"), timeout_s=START_S)  # it may be coming back
        environment = dict(
            entry.split("=", 1)
            for entry in Path(f"/proc/{pid}/environ").read_text().split("\0")
            if "=" in entry
        )
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def pids(self, words: str) -> list[int]:
        """Processes below this platform whose command line holds `words`."""
        return [pid for pid in descendants(self.process.pid) if words in command_line(pid)]

    def kill(self, words: str) -> None:
        """SIGKILL every process of this platform whose command line holds `words`."""
        found = self.pids(words)
        assert found, f"no process {words!r}"
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def descendants(pid: int) -> list[int]:
    """All processes below `pid`."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.append(child)
            queue.append(child)
    return found


def until(done: Callable[[], Any], *, timeout_s: float) -> Any:
    """Ask until the answer is true; the last answer. Fails when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not (answer := done()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s:.0f} s")
        time.sleep(POLL_S)
    return answer


def free_ports(count: int) -> list[str]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for found in sockets:
            found.bind(("127.0.0.1", 0))
        return [str(found.getsockname()[1]) for found in sockets]
    finally:
        for found in sockets:
            found.close()


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """A partner's server, which the platform may call by plain HTTP."""
    with Receiver() as found:
        yield found


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[RunningPlatform]:
    """The platform of all journeys of this worker."""
    platform = RunningPlatform(tmp_path_factory.mktemp("platform") / "state")
    try:
        platform.start(MPAC_PROVIDER_TIMEOUT_S="2", MPAC_WEBHOOK_TRUSTED_HOSTS=f"127.0.0.1:{receiver.port}")
        yield platform
    finally:
        platform.stop()


@pytest.fixture
def platform(running: RunningPlatform) -> Iterator[RunningPlatform]:
    """The platform with a well-behaved bank."""
    running.simulator("/__reset")
    yield running
    running.simulator("/__reset")


@pytest.fixture
def terminal(platform: RunningPlatform) -> Iterator[Terminal]:
    with platform.terminal() as found:
        yield found
