"""The life of one local platform: servers, roles, schemas, demo data, processes, first sale, and the way down."""

import shutil
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from config.contexts import CONTEXTS
from config.local import dashboards, environment, secrets
from config.local.console import Console
from config.local.embedded import Embedded
from config.local.environment import Addresses, Environments
from config.local.errors import StepFailed
from config.local.first_sale import make_first_sale
from config.local.options import Options
from config.local.processes import tail
from config.local.programs import all_programs
from config.local.state import hold
from config.local.steps import Steps, not_ready
from config.local.supervisor import Supervisor

READY_TIMEOUT_S = 90.0
TICK_S = 0.2


class Platform:
    """Everything that `make run` starts. Use as a context manager; leaving it stops everything in order.

    The demo file exists exactly while the platform can be used.
    """

    def __init__(
        self, *, options: Options, console: Console, database_settings: Mapping[str, str] | None = None
    ) -> None:
        self.options = options
        self._database_settings = database_settings
        self.stopping = threading.Event()
        self._console = console
        self._supervisor = Supervisor(console=console)
        self._steps = Steps(logs=options.state / "logs", stopping=self.stopping, tick=self._supervisor.tick)
        self._cleanup = ExitStack()
        self.embedded: Embedded | None = None
        self.environments: Environments | None = None

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means it
            signal.signal(signal.SIGHUP, self._note_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._console.say("stopping")
        try:
            self._supervisor.stop()
        finally:
            self._cleanup.close()
        self._console.say("stopped")

    @property
    def demo_file(self) -> Path:
        return self.options.state / "demo.json"

    def start(self, *, first_sale: bool = True) -> bool:
        """Bring everything up and write the demo file. Whether the first sale, if wanted, went through.

        Raises LocalPlatformError when something on the way does not come up.
        """
        environments = self.prepare()
        self._start_programs(environments)
        return self._open_for_business(environments, first_sale=first_sale)

    def prepare(self) -> Environments:
        """Bring up the servers with roles, schemas and demo data, and nothing that uses them. Raises LocalPlatformError."""
        state = self.options.state
        self._cleanup.enter_context(hold(state))
        self.demo_file.unlink(missing_ok=True)
        self._cleanup.callback(self.demo_file.unlink, missing_ok=True)
        self.options.require_ports()
        shutil.rmtree(environment.metrics_directory(state), ignore_errors=True)
        environment.metrics_directory(state).mkdir()
        known = secrets.load_or_create(state, contexts=[context.name for context in CONTEXTS])
        self.environments = environment.build(
            options=self.options, secrets=known, addresses=self._start_servers()
        )
        self._prepare(self.environments)
        return self.environments

    def watch(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Look after the processes until somebody asks to stop or `until()` holds."""
        while not self.stopping.wait(TICK_S) and not until():
            self._supervisor.tick()

    def _start_servers(self) -> Addresses:
        given = environment.given_addresses(self.options)
        if given.database_url and given.redis_url:
            self._console.say("using the servers named by DATABASE_URL and REDIS_URL")
            return given
        servers = Embedded(
            self.options.state,
            postgres=not given.database_url,
            redis=not given.redis_url,
            settings=self._database_settings,
        ).start()
        self.embedded = servers
        self._cleanup.callback(servers.stop)
        for server in servers.servers:
            self._supervisor.add(server, owned=False)
        self._console.say(f"{' and '.join(server.name for server in servers.servers)} up")
        return Addresses(
            database_url=given.database_url or servers.database_url,
            admin_database_url=given.admin_database_url if given.database_url else servers.admin_url,
            redis_url=given.redis_url or servers.redis_url,
        )

    def _prepare(self, environments: Environments) -> None:
        """Roles and schemas, migrations, demo data; each does nothing when there is nothing to do."""
        files = (str(self._seed_file), str(self._merchants_file))
        self._steps.run("prepare", "-m", "config.local.prepare", *files, env=environments.admin)
        self._console.say("roles, schemas, tables and demo data ready")

    def _start_programs(self, environments: Environments) -> None:
        for unit in all_programs(options=self.options, environments=environments):
            self._supervisor.add(unit)
        if not self._steps.wait(lambda: not not_ready(self.options), timeout_s=READY_TIMEOUT_S):
            raise StepFailed("\n".join(self._explain_unready()))
        dashboards.enter(self._merchants_file, simulator_url=self.options.simulator_url)
        self._console.say("web, realtime, worker, beat, relay and simulator running")

    def _explain_unready(self) -> list[str]:
        lines = [f"Not ready after {READY_TIMEOUT_S:.0f} s:", *not_ready(self.options)]
        for name in self._supervisor.crashes():
            lines += [f"--- {name} keeps crashing; the end of its log:"]
            lines += tail(self.options.state / "logs" / f"{name}.log", lines=15)
        return lines

    def _open_for_business(self, environments: Environments, *, first_sale: bool) -> bool:
        """The demo file appears under its name only when the platform is proven and free for others to use."""
        draft = self.options.state / "demo.unproven.json"
        secrets.write_private(draft, self._seed_file.read_text().rstrip())
        sold = not first_sale or make_first_sale(
            demo=draft, env=environments.runtime, steps=self._steps, complain=self._console.say
        )
        draft.replace(self.demo_file)
        return sold

    @property
    def _seed_file(self) -> Path:
        return self.options.state / "seed.json"

    @property
    def _merchants_file(self) -> Path:
        return self.options.state / "merchants.json"

    def _note_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopping.set()
