"""`python -m bench [seed | grown]`, run by the bench targets of the Makefile."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from bench.devices import LARGE, SMALL
from bench.growth import RunFailed, compare
from bench.run import PARTS, Bench
from bench.seed import NotSeeded, Seeding

MAX_SECONDS = 60


def main(arguments: Sequence[str]) -> int:
    """Measure a running platform, fill a database, or compare an empty one with a full one."""
    if arguments and arguments[0] == "seed":
        return _seed(arguments[1:])
    if arguments and arguments[0] == "grown":
        return _compare(arguments[1:])
    return _measure(arguments)


def _measure(arguments: Sequence[str]) -> int:
    """0 when every call of the run was answered as it should be."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure a running platform.")
    demo_file = os.environ.get("MPAC_DEMO_FILE", ".mpac/demo.json")
    parser.add_argument("--demo", type=Path, default=Path(demo_file), help="the platform's demo file")
    parser.add_argument("--stores", type=int, default=4, help="over how many the terminals are spread")
    parser.add_argument("--devices", type=int, default=LARGE, help="how many the large fleet has")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--alone", action="store_true", help="without pgbench on the same statements")
    parser.add_argument("--result", type=Path, help="where to write the figures of the first part")
    _add_sizes(parser)
    chosen = parser.parse_args(arguments)
    _check_sizes(parser, chosen)
    if chosen.devices <= SMALL:
        parser.error(f"--devices is more than the {SMALL} of the small fleet")
    demo: dict[str, Any] = json.loads(chosen.demo.read_text())
    bench = Bench(demo, chosen)
    code = uvloop.run(bench.run())
    if chosen.result:
        first = bench.results[0]
        figures = {
            "rate": first.rate,
            "p50_ms": 1000 * first.percentile(50),
            "p99_ms": 1000 * first.percentile(99),
        }
        chosen.result.write_text(json.dumps(figures))
    return code


def _seed(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench seed", description="Fill a database with payments."
    )
    parser.add_argument("--intents", type=int, default=10_000_000)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args(arguments)
    try:
        Seeding(os.environ["MPAC_ADMIN_DATABASE_URL"], intents=chosen.intents, workers=chosen.workers).run()
    except NotSeeded as error:
        print(error)
        return 1
    return 0


def _compare(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench grown", description="Compare an empty database with a full one."
    )
    parser.add_argument("--state", type=Path, required=True, help="the state directory that was filled")
    parser.add_argument("--rounds", type=int, default=3)
    _add_sizes(parser)
    chosen = parser.parse_args(arguments)
    _check_sizes(parser, chosen)
    if not chosen.state.is_dir():
        print(f"{chosen.state} is not there; `make bench-seed` fills it")
        return 1
    try:
        return compare(
            state=chosen.state,
            rounds=chosen.rounds,
            seconds=chosen.seconds,
            connections=chosen.connections,
        )
    except RunFailed as error:
        print(error)
        return 1


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each part runs")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before counting")
    parser.add_argument("--connections", type=int, default=16)


def _check_sizes(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    if not 1 <= chosen.seconds <= MAX_SECONDS or chosen.connections < 1:
        parser.error(f"--seconds is 1 to {MAX_SECONDS}, --connections at least 1")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
