"""Embedded PostgreSQL and Valkey as one thing: durable for `make run`, throw-away for a test run.

    with Embedded(Path(".mpac")) as servers:                 # keeps its data
        servers.database_url, servers.redis_url
    with Embedded(None, durable=False, tcp=True) as servers:  # gone afterwards
        ...

Start it from the main thread: the servers end with the thread that started them.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from config.local.errors import ServerFailed
from config.local.osuser import OsUser, server_user
from config.local.postgres import PostgresServer
from config.local.state import SERVERS_LINK, lock
from config.local.valkey import ValkeyServer

ROOTS_PLACE = Path("/var/tmp")  # noqa: S108  (a checkout below /root cannot be reached by the database's account)


class Embedded:
    """The two servers over one state directory. `postgres=False` or `redis=False` leaves one out."""

    def __init__(
        self,
        state: Path | str | None,
        *,
        durable: bool = True,
        tcp: bool = False,
        postgres: bool = True,
        redis: bool = True,
        dbname: str = "mpac",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        run_as = server_user() if postgres else None
        self._temporary = state is None
        self.state = (
            Path(tempfile.mkdtemp(prefix="mpac-"))
            if state is None
            else server_home(Path(state), run_as=run_as)
        )
        tag = hashlib.sha256(str(self.state.resolve()).encode()).hexdigest()[:10]
        self._lock: IO[str] | None = None
        self._postgres = (
            PostgresServer(
                home=self.state,
                tag=tag,
                run_as=run_as,
                durable=durable,
                tcp=tcp,
                dbname=dbname,
                settings=settings or {},
            )
            if postgres
            else None
        )
        self._valkey = ValkeyServer(home=self.state, durable=durable) if redis else None

    @property
    def servers(self) -> list[PostgresServer | ValkeyServer]:
        """What a supervisor watches."""
        return [server for server in (self._postgres, self._valkey) if server is not None]

    @property
    def postgres(self) -> PostgresServer:
        """The database server, for its addresses and tools."""
        if self._postgres is None:
            raise ServerFailed("PostgreSQL was left out of this set of servers.")
        return self._postgres

    @property
    def admin_dsn(self) -> str:
        """Superuser on the maintenance database."""
        return self.postgres.admin_dsn

    @property
    def admin_url(self) -> str:
        """Superuser on the platform's database."""
        return self.postgres.admin_url

    @property
    def database_url(self) -> str:
        """The platform's database, no role in it."""
        return self.postgres.database_url

    @property
    def redis_url(self) -> str:
        """Valkey, password included."""
        if self._valkey is None:
            raise ServerFailed("Valkey was left out of this set of servers.")
        return self._valkey.url

    def start(self) -> Self:
        """Start what is wanted and return when both answer. Raises StateInUse, ServerFailed."""
        self._lock = lock(self.state)
        try:
            for server in self.servers:
                server.prepare()
                server.launch()
            for server in self.servers:
                server.wait_until_ready()
            if self._postgres:
                self._postgres.ensure_database()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop both; a temporary state directory disappears."""
        for server in self.servers:
            if server.process is not None:
                server.process.ask_to_stop()
        for server in self.servers:
            server.stop()
        if self._temporary:
            shutil.rmtree(self.state, ignore_errors=True)
        if self._lock:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def server_home(state: Path, *, run_as: OsUser | None) -> Path:
    """Where the servers' data lies: `state`, or for root a place that the database's account can reach.

    The link `state`/servers alone says which place that is, so that data and secrets are found, moved and forgotten
    together: a state without the link gets an empty place, whatever an older state at the same path left behind.
    """
    state = state.expanduser().absolute()
    state.mkdir(parents=True, exist_ok=True)
    if run_as is None:
        return state
    link = state / SERVERS_LINK
    if not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(tempfile.mkdtemp(prefix="mpac-root-", dir=ROOTS_PLACE))
    home = link.resolve()
    if home.parent != ROOTS_PLACE.resolve() or home.stat().st_uid != os.geteuid():
        raise ServerFailed(f"{home} is no place for the servers' data; remove {link}.")
    home.chmod(0o711)
    return home
