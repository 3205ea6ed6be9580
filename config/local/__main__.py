"""`python -m config.local run | demo | clean-state | bench-platform -- COMMAND`, normally through the Makefile."""

import argparse
import ctypes
import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from config.local.console import Console
from config.local.errors import Interrupted, LocalPlatformError
from config.local.options import Options
from config.local.platform import Platform
from config.local.postgres import LOADING
from config.local.processes import PR_SET_PDEATHSIG, end_with_parent, free_port
from config.local.state import forget
from config.local.summary import summary


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m config.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start everything and stay until Ctrl-C")
    commands.add_parser("demo", help="start everything, make the first sale, stop")
    commands.add_parser("clean-state", help="forget the data and the secrets")
    bench = commands.add_parser("bench-platform", help="run a command against a throw-away platform")
    bench.add_argument("--state", type=Path, help="a directory of the platform's own, which is kept")
    bench.add_argument(
        "--loading",
        action="store_true",
        help="servers and schemas only, made to be filled fast; needs --state",
    )
    bench.add_argument(
        "run", nargs="+", metavar="COMMAND", help="gets MPAC_DEMO_FILE and the database addresses"
    )
    chosen = parser.parse_args(arguments)
    console = Console()
    try:
        return execute(chosen, options=Options.from_environment(), console=console)
    except Interrupted as error:
        console.say(str(error))
        return 130
    except LocalPlatformError as error:
        console.quote(str(error).splitlines(), name="mpac")
        return 1


def execute(chosen: argparse.Namespace, *, options: Options, console: Console) -> int:
    """Call the chosen subcommand."""
    if chosen.command == "run":
        return run(options=options, console=console)
    if chosen.command == "demo":
        return demo(options=options, console=console)
    if chosen.command == "clean-state":
        return clean_state(options=options, console=console)
    return bench_platform(chosen.run, state=chosen.state, loading=chosen.loading, console=console)


def run(*, options: Options, console: Console) -> int:
    """Start, sell once, stay up until asked to stop. Without a first sale the platform stays up to be looked at."""
    end_with_make()
    with Platform(options=options, console=console) as platform:
        sold = platform.start(first_sale=options.first_sale)
        console.show(summary(platform.demo_file, options=options))
        console.say("ready; Ctrl-C stops everything" if sold else "up, but THE FIRST SALE FAILED")
        platform.watch()
    return 0


def demo(*, options: Options, console: Console) -> int:
    """Start, sell once, stop; 0 only if every step went through."""
    end_with_make()
    with Platform(options=options, console=console) as platform:
        sold = platform.start()
    console.say("demo passed" if sold else "DEMO FAILED")
    return 0 if sold else 1


def clean_state(*, options: Options, console: Console) -> int:
    """Forget the local platform's data, secrets and logs."""
    console.say(f"removed {options.state}" if forget(options.state) else f"{options.state} does not exist")
    return 0


def bench_platform(command: Sequence[str], *, state: Path | None, loading: bool, console: Console) -> int:
    """Run `command` against a platform over `state`, or against one that is removed afterwards. Returns its exit code."""
    end_with_make()
    if state and loading:
        return on_loading_servers(command, state=state, console=console)
    if state:
        return on_platform(command, state=state, console=console)
    with tempfile.TemporaryDirectory(prefix="mpac-bench-") as directory:
        state = Path(directory) / "state"
        try:
            return on_platform(command, state=state, console=console)
        finally:
            forget(state)


def on_platform(command: Sequence[str], *, state: Path, console: Console) -> int:
    """Run `command` against a durable platform over `state` on free ports. Returns its exit code."""
    with Platform(options=_aside(state), console=console) as platform:
        platform.start(first_sale=False)
        return _run_beside(platform, command)


def on_loading_servers(command: Sequence[str], *, state: Path, console: Console) -> int:
    """Run `command` against the servers of a platform over `state`, which are not durable meanwhile."""
    try:
        with Platform(options=_aside(state), console=console, database_settings=LOADING) as platform:
            platform.prepare()
            return _run_beside(platform, command)
    finally:
        os.sync()


def _aside(state: Path) -> Options:
    """A platform over `state` that is in nobody's way."""
    return dataclasses.replace(
        Options.from_environment(),
        state=state.absolute(),
        port=free_port(),
        ws_port=free_port(),
        sim_port=free_port(),
    )


def _run_beside(platform: Platform, command: Sequence[str]) -> int:
    child = subprocess.Popen(command, env=_bench_environment(platform), preexec_fn=end_with_parent())
    platform.watch(until=lambda: child.poll() is not None)
    child.terminate()
    return child.wait()


def end_with_make() -> None:
    """When `make` started us, end with it even if it is killed."""
    if "MAKELEVEL" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _bench_environment(platform: Platform) -> dict[str, str]:
    """What a benchmark needs to know: the demo file, the databases, and where `pgbench` is."""
    environment = {"MPAC_DEMO_FILE": str(platform.demo_file)}
    if platform.environments:
        environment = platform.environments.admin | environment
    if platform.embedded and not platform.options.database_url:
        environment["MPAC_PG_BIN"] = str(platform.embedded.postgres.binaries)
    return environment


if __name__ == "__main__":
    sys.exit(main())
