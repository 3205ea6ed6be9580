"""The processes of MPAC and the commands that run them, the same as in the image."""

import sys
from collections.abc import Sequence

from config.local.environment import Environments
from config.local.options import ROOT, Options
from config.local.processes import Program
from config.local.supervisor import ProgramUnit

WEB_WORKERS = 2
WEB_THREADS = 6
WEB_BACKPRESSURE = 128
WORKER_THREADS = 4
# Armed by fault tests: it must fire once, not after every restart.
FIRST_START_ONLY = ("MPAC_CRASHPOINT",)


def all_programs(*, options: Options, environments: Environments) -> list[ProgramUnit]:
    """One unit per process. Only `worker` and `relay`, which run partition upkeep, know the owner roles."""
    runtime, upkeep = environments.runtime, environments.upkeep
    listen = ["--host", "127.0.0.1", "--port"]
    web = ["-m", "granian", "--interface", "wsgi", *listen, str(options.port), "--workers", str(WEB_WORKERS)]
    web += [
        "--blocking-threads",
        str(WEB_THREADS),
        "--backpressure",
        str(WEB_BACKPRESSURE),
        "--backlog",
        "1024",
    ]
    web += ["--workers-kill-timeout", "5", "--no-ws", "--http", "1", "config.wsgi:application"]
    realtime = ["-m", "uvicorn", "config.asgi:application", *listen, str(options.ws_port), "--no-access-log"]
    realtime += ["--timeout-graceful-shutdown", "3", "--lifespan", "off", "--ws-max-size", "65536"]
    celery = ["-m", "celery", "-A", "config.celery"]
    worker = [
        *celery,
        "worker",
        "--pool",
        "threads",
        "--concurrency",
        str(WORKER_THREADS),
        "--loglevel",
        "INFO",
    ]
    worker += ["--without-gossip", "--without-mingle"]
    commands: list[tuple[str, Sequence[str], dict[str, str]]] = [
        ("simulator", ["-m", "simulator"], runtime),
        ("web", web, runtime),
        ("realtime", realtime, runtime),
        ("worker", worker, upkeep),
        ("beat", [*celery, "beat", "--loglevel", "INFO"], runtime),
        ("relay", ["manage.py", "relay"], upkeep),
    ]
    return [
        ProgramUnit(
            Program(
                name=name,
                argv=[sys.executable, *arguments],
                env=environment,
                cwd=ROOT,
                log=options.state / "logs" / f"{name}.log",
            ),
            first_only=FIRST_START_ONLY,
        )
        for name, arguments, environment in commands
    ]
