"""`python -m bench`, run by `make bench` against a throw-away platform."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import uvloop

from bench import pgbench
from bench.listener import Listener
from bench.load import Result, drive
from bench.scenarios import Client, Scenarios, Work, intent_body
from bench.statements import Recorder, Unrecorded, script
from simulator.terminal.tokens import Tokens

FLOOR, AIM = 0.08, 0.12
P99_CEILING_MS = 150.0
PUSHES_S = 5.0
MAX_SECONDS = 60
HEAD = f"{'':<26} {'rate':>12} {'p50':>9} {'p95':>9} {'p99':>9} {'max':>9} {'errors':>8}"


def main() -> int:
    """0 when every call of the run was answered as it should be."""
    chosen = _arguments()
    demo: dict[str, Any] = json.loads(chosen.demo.read_text())
    return uvloop.run(Bench(demo, chosen).run())


class Bench:
    """One run: intents, cash sales, QR sales, pushes, and pgbench on the intents' statements."""

    def __init__(self, demo: dict[str, Any], chosen: argparse.Namespace) -> None:
        self._demo, self._chosen = demo, chosen
        self._results: dict[str, Result] = {}

    async def run(self) -> int:
        admin_url = os.environ.get("MPAC_ADMIN_DATABASE_URL", "")
        with httpx2.Client(base_url=self._demo["base_url"], timeout=30, trust_env=False) as http:
            tokens = Tokens(self._demo, http)
            if admin_url:
                self._lift_partner_limit(admin_url)
            async with Listener(self._demo, tokens) as listener:
                scenarios = Scenarios(self._demo, tokens, listener)
                print(HEAD, flush=True)
                await self._measure("create intent", "intents", scenarios.create_intent)
                if admin_url and "create intent" in self._results:
                    await self._compare(admin_url)
                await self._measure("cash sale (3 calls)", "sales", scenarios.cash_sale)
                await self._measure("QR sale, order to push", "sales", scenarios.qr_sale)
                await self._measure_pushes(scenarios)
                scenarios.close()
        return 1 if any(result.errors for result in self._results.values()) else 0

    async def _measure(self, name: str, unit: str, work: Callable[[], Work]) -> None:
        if self._chosen.only and self._chosen.only not in name:
            return
        result = Result(name, unit)
        works = [work() for _ in range(self._chosen.connections)]
        await drive(result, works, seconds=self._chosen.seconds, warm_up_s=self._chosen.warm_up)
        self._results[name] = result
        show(result)

    async def _measure_pushes(self, scenarios: Scenarios) -> None:
        """One sale at a time: the commit lies between the request and the answer."""
        if self._chosen.only and self._chosen.only not in "push":
            return
        delays: list[tuple[float, float]] = []
        sales = await drive(Result("", ""), [scenarios.push(delays)], seconds=PUSHES_S, warm_up_s=0)
        for name, index in (("push after the answer", 0), ("push after the request", 1)):
            result = Result(name, "", elapsed_s=sales.elapsed_s, durations=[delay[index] for delay in delays])
            result.errors = sales.errors if index else result.errors
            self._results[name] = result
            show(result)

    async def _compare(self, admin_url: str) -> None:
        created = self._results["create intent"]
        try:
            recorded = await self._record(admin_url)
            bare = await asyncio.to_thread(
                pgbench.run,
                recorded,
                environment=os.environ,
                connections=self._chosen.connections,
                seconds=int(self._chosen.seconds),
            )
        except (Unrecorded, pgbench.PgbenchFailed, psycopg.Error) as error:
            print(f"  pgbench: {error}", flush=True)
            self._results["pgbench"] = Result("pgbench", "", errors=created.errors.__class__({str(error): 1}))
            return
        ratio = created.rate / bare.rate
        print(
            f"{'pgbench, same statements':<26} {bare.rate:>10.1f}/s"
            f" {bare.latency_ms:>6.1f} ms on average, {bare.failed} failed\n"
            f"{'ratio':<26} {ratio:>12.3f}   at least {FLOOR}: {_verdict(ratio >= FLOOR)},"
            f" aim {AIM}: {_verdict(ratio >= AIM)},"
            f" p99 under {P99_CEILING_MS:.0f} ms: {_verdict(created.percentile(99) * 1000 < P99_CEILING_MS)}",
            flush=True,
        )

    async def _record(self, admin_url: str) -> str:
        client = Client(self._demo["base_url"], lambda: self._demo["psp"]["api_key"])
        with psycopg.connect(admin_url, autocommit=True) as admin:
            recorder = Recorder.of(admin)
            recorder.start()
            try:
                recordings = [await self._recorded(client, recorder, number) for number in (1, 2)]
            finally:
                recorder.stop()
                client.close()
        return script(*recordings)

    async def _recorded(self, client: Client, recorder: Recorder, number: int) -> list[str]:
        marker = f"benchmark{number}{os.urandom(8).hex()}"
        since = recorder.log.stat().st_size
        await client.post("/v1/payment-intents", intent_body(self._demo), key=marker)
        await asyncio.sleep(0.5)
        return recorder.statements(since=since, marker=marker)

    def _lift_partner_limit(self, admin_url: str) -> None:
        """The demo PSP's own limit is a customer's; the platform's limits stay as they are set."""
        with psycopg.connect(admin_url, autocommit=True) as admin:
            admin.execute("UPDATE portal.psps SET rate_limit_per_minute = 1000000")


def show(result: Result) -> None:
    """One line of the table, and what went wrong."""
    times = "".join(f" {1000 * result.percentile(percent):>6.1f} ms" for percent in (50, 95, 99, 100))
    rate = f"{result.rate:.1f}/s" if result.unit else f"{len(result.durations)} x"
    print(f"{result.name:<26} {rate:>12}{times} {result.errors.total():>8}", flush=True)
    for text, count in result.errors.most_common(5):
        print(f"    {count} x {text}", flush=True)


def _verdict(holds: object) -> str:
    return "yes" if holds else "NO"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure a running platform.")
    demo = os.environ.get("MPAC_DEMO_FILE", ".mpac/demo.json")
    parser.add_argument("--demo", type=Path, default=Path(demo), help="the platform's demo file")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each scenario runs")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before counting")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--only", help="scenarios whose name contains this")
    chosen = parser.parse_args()
    if not 1 <= chosen.seconds <= MAX_SECONDS:
        parser.error(f"--seconds is 1 to {MAX_SECONDS}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
