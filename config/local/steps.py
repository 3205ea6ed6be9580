"""Short-lived commands that prepare the platform, and the check that it is ready."""

import json
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from config.local.errors import Interrupted, StepFailed
from config.local.options import ROOT, Options
from config.local.processes import Process, Program, tail

POLL_S = 0.05
SHOWN_LINES = 25
PROBE_TIMEOUT_S = 5.0


class Steps:
    """Runs commands one after the other while the supervisor goes on looking after what already runs."""

    def __init__(self, *, logs: Path, stopping: threading.Event, tick: Callable[[], None]) -> None:
        self._logs = logs
        self._stopping = stopping
        self._tick = tick

    def run(self, name: str, *arguments: str, env: Mapping[str, str]) -> None:
        """Run Python with these arguments. Raises StepFailed with the end of its output, Interrupted."""
        log = self._logs / f"{name}.log"
        log.unlink(missing_ok=True)
        argv = [sys.executable, *arguments]
        process = Process(Program(name=name, argv=argv, env=env, cwd=ROOT, log=log))
        self.wait(lambda: process.exit_code is not None, or_stop=process)
        if process.exit_code:
            raise StepFailed("\n".join([f"{name} failed:", *tail(log, lines=SHOWN_LINES)]))

    def wait(
        self, done: Callable[[], bool], *, timeout_s: float | None = None, or_stop: Process | None = None
    ) -> bool:
        """Wait until `done()`; False when the time is over. Raises Interrupted, having stopped `or_stop`."""
        waited_s = 0.0
        while not done():
            if self._stopping.wait(POLL_S):
                if or_stop is not None:
                    or_stop.stop()
                raise Interrupted("Stopped before the platform was up.")
            waited_s += POLL_S
            if timeout_s is not None and waited_s > timeout_s:
                return False
            self._tick()
        return True


def not_ready(options: Options) -> Sequence[str]:
    """What is missing before the platform can be used, in words; empty when it is ready."""
    missing = [
        f"{name} does not listen on port {port}"
        for name, port in (
            ("simulator", options.sim_port),
            ("realtime", options.ws_port),
            ("web", options.port),
        )
        if not _listens(port)
    ]
    return missing or _web_complaints(f"{options.base_url}/readyz")


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PROBE_TIMEOUT_S):
        return True
    return False


def _web_complaints(url: str) -> Sequence[str]:
    try:
        with urllib.request.urlopen(url, timeout=PROBE_TIMEOUT_S):  # noqa: S310  (our own loopback address)
            return ()
    except urllib.error.HTTPError as error:
        return (f"/readyz answers {error.code}: {_text(error.read())}",)
    except OSError as error:
        return (f"/readyz does not answer: {error}",)


def _text(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body[:200].decode(errors="replace")
