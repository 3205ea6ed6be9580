"""`python -m bench`, run by `make bench` against a throw-away platform."""

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import uvloop

from bench import pgbench
from bench.load import Result, drive
from bench.scenarios import Partner, Till
from bench.seed import NotSeeded, Seeding
from bench.statements import Recorder, Script, Unrecorded, script
from simulator.terminal.fleet import Fleet

FLOOR, AIM = 0.08, 0.12
P99_CEILING_MS = 150.0
PUSHES_S = 5.0
MAX_SECONDS = 60
DRAIN_S = 60.0
UNDELIVERED = "SELECT count(*) FROM pgw.outbox WHERE delivered_at IS NULL AND parked_at IS NULL"
HEAD = f"{'':<26} {'rate':>12} {'p50':>10} {'p95':>10} {'p99':>10} {'max':>10} {'errors':>8}"


def main() -> int:
    """0 when every call of the run was answered as it should be."""
    if sys.argv[1:2] == ["seed"]:
        return _seed(sys.argv[2:])
    chosen = _arguments()
    demo: dict[str, Any] = json.loads(chosen.demo.read_text())
    return uvloop.run(Bench(demo, chosen).run())


class Bench:
    """One run: intents, pgbench on their statements, cash sales, QR sales, pushes."""

    def __init__(self, demo: dict[str, Any], chosen: argparse.Namespace) -> None:
        self._demo, self._chosen = demo, chosen
        self._admin_url = os.environ.get("MPAC_ADMIN_DATABASE_URL", "")
        self._results: list[Result] = []

    async def run(self) -> int:
        chosen = self._chosen
        if self._admin_url:
            self._lift_partner_limit()
        print(f"{chosen.connections} connections, {chosen.seconds:.0f} s each\n{HEAD}", flush=True)
        if self._wanted("create intent"):
            partners = [Partner(self._demo) for _ in range(chosen.connections)]
            created = await self._measure("create intent", [partner.create_intent for partner in partners])
            if self._admin_url:
                await self._compare(created, partners[0])
        if self._wanted("cash sale") or self._wanted("QR sale") or self._wanted("push"):
            await self._sell()
        return 1 if any(result.errors for result in self._results) else 0

    async def _sell(self) -> None:
        """Sales by terminals of their own, each with its WebSocket open, spread over the stores."""
        chosen = self._chosen
        async with AsyncExitStack() as stack:
            http = stack.enter_context(
                httpx2.Client(base_url=self._demo["base_url"], timeout=30, trust_env=False)
            )
            fleet = stack.enter_context(Fleet(self._demo))
            stores = [fleet.open_store() for _ in range(chosen.stores)]
            places = [stores[number % chosen.stores] for number in range(chosen.connections)]
            tills = [Till(fleet.add_terminal(store_id), http) for store_id in places]
            for till in tills:
                stack.callback(till.close)
                await stack.enter_async_context(till.listener)
            print(f"{len(tills)} terminals in {len(stores)} stores", flush=True)
            if self._wanted("cash sale"):
                await self._measure("cash sale (3 calls)", [till.sell_for_cash for till in tills])
            if self._wanted("QR sale"):
                await self._measure("QR sale, order to push", [till.sell_by_qr for till in tills])
            if self._wanted("push"):
                await self._measure_pushes(tills[0])

    async def _measure(self, name: str, works: Sequence[Callable[[], Awaitable[None]]]) -> Result:
        result = Result(name)
        await drive(result, works, seconds=self._chosen.seconds, warm_up_s=self._chosen.warm_up)
        self._results.append(result)
        show(result)
        return result

    async def _measure_pushes(self, till: Till) -> None:
        """One sale at a time; the commit lies between the request and the answer."""
        delays: list[tuple[float, float]] = []
        sales = await drive(Result("push"), [till.time_pushes(delays)], seconds=PUSHES_S, warm_up_s=1.0)
        self._results.append(sales)
        for name, index in (("push, from the answer", 0), ("push, from the request", 1)):
            timed = Result(name, elapsed_s=sales.elapsed_s, durations=[delay[index] for delay in delays])
            timed.errors = sales.errors
            show(timed)

    async def _compare(self, created: Result, partner: Partner) -> None:
        """The bare database on the statements of the calls just measured, once the relay has caught up."""
        chosen = self._chosen
        try:
            recorded = await self._record(partner)
            await self._drained()
            bare = await asyncio.to_thread(
                pgbench.run,
                recorded,
                environment=os.environ,
                connections=chosen.connections,
                seconds=int(chosen.seconds),
            )
        except (Unrecorded, pgbench.PgbenchFailed, psycopg.Error) as error:
            print(f"  pgbench: {error}", flush=True)
            self._results.append(Result("pgbench", errors=Counter({str(error): 1})))
            return
        ratio = created.rate / bare.rate
        print(
            f"{'pgbench, same statements':<26} {bare.rate:>10.1f}/s {bare.latency_ms:>7.1f} ms on average,"
            f" {bare.failed} failed, {recorded.protocol}\n"
            f"{'ratio':<26} {ratio:>12.3f}   at least {FLOOR}: {_verdict(ratio >= FLOOR)},"
            f" aim {AIM}: {_verdict(ratio >= AIM)},"
            f" p99 under {P99_CEILING_MS:.0f} ms: {_verdict(created.percentile(99) * 1000 < P99_CEILING_MS)}",
            flush=True,
        )

    async def _record(self, partner: Partner) -> Script:
        with psycopg.connect(self._admin_url, autocommit=True) as admin:
            recorder = Recorder.of(admin)
            recorder.start()
            try:
                recordings = []
                for number in (1, 2):
                    marker = f"benchmark{number}{os.urandom(8).hex()}"
                    since = recorder.end()
                    await partner.create_intent(key=marker)
                    await asyncio.sleep(0.5)
                    recordings.append(recorder.statements(since=since, marker=marker))
            finally:
                recorder.stop()
        return script(*recordings)

    async def _drained(self) -> None:
        """Wait until the relay has nothing left of the load before. Raises Unrecorded."""
        with psycopg.connect(self._admin_url, autocommit=True) as admin:
            for _ in range(int(DRAIN_S / 0.2)):
                row = admin.execute(UNDELIVERED).fetchone()
                if row and not row[0]:
                    return
                await asyncio.sleep(0.2)
        raise Unrecorded(f"the outbox was not empty after {DRAIN_S:.0f} s")

    def _lift_partner_limit(self) -> None:
        """The demo PSP's own limit is a small customer's; the platform's limits stay as they are set."""
        with psycopg.connect(self._admin_url, autocommit=True) as admin:
            admin.execute("UPDATE portal.psps SET rate_limit_per_minute = 1000000")

    def _wanted(self, name: str) -> bool:
        return not self._chosen.only or self._chosen.only in name


def show(result: Result) -> None:
    """One line of the table, and what went wrong."""
    times = "".join(f" {1000 * result.percentile(percent):>7.1f} ms" for percent in (50, 95, 99, 100))
    print(f"{result.name:<26} {result.rate:>10.1f}/s{times} {result.errors.total():>8}", flush=True)
    for text, count in result.errors.most_common(5):
        print(f"    {count} x {text}", flush=True)


def _verdict(holds: object) -> str:
    return "yes" if holds else "NO"


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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure a running platform.")
    demo = os.environ.get("MPAC_DEMO_FILE", ".mpac/demo.json")
    parser.add_argument("--demo", type=Path, default=Path(demo), help="the platform's demo file")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each scenario runs")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before counting")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--stores", type=int, default=4, help="over how many the terminals are spread")
    parser.add_argument("--only", choices=("create intent", "cash sale", "QR sale", "push"))
    chosen = parser.parse_args()
    if not 1 <= chosen.seconds <= MAX_SECONDS or chosen.connections < 1 or chosen.stores < 1:
        parser.error(f"--seconds is 1 to {MAX_SECONDS}, --connections and --stores at least 1")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
