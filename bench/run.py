"""One run against one platform: intents, pgbench on their statements, sales, pushes, and providers' notices."""

import argparse
import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import psycopg

from bench import devices, pgbench
from bench.load import Result, drive
from bench.report import Report, Target
from bench.scenarios import Partner, Till, notices_sent
from bench.statements import Recorder, Script, Unrecorded, script
from simulator.terminal.fleet import Fleet

FLOOR = 0.10
P99_CEILING_MS = 120.0
NOTICE_CEILING_MS = 150.0
PUSHES_S = 5.0
NOTICE_TERMINALS = 8
NOTICES_PER_S = 8.0
DRAIN_S = 60.0
PARTS = ("create intent", "cash sale", "QR sale", "push", "notice", "fleet")
UNDELIVERED = "SELECT count(*) FROM pgw.outbox WHERE delivered_at IS NULL AND parked_at IS NULL"
PUBLISHED = "SELECT last_value FROM pgw.outbox_position_seq"
ASK_S = 0.1


class Bench:
    """The parts of one run, as far as they were chosen."""

    def __init__(self, demo: dict[str, Any], chosen: argparse.Namespace) -> None:
        self._demo, self._chosen = demo, chosen
        self._admin_url = os.environ.get("MPAC_ADMIN_DATABASE_URL", "")
        self._report = Report()
        self.results: list[Result] = []

    async def run(self) -> int:
        """0 when every call of the run was answered as it should be."""
        chosen = self._chosen
        if self._admin_url:
            self._lift_partner_limit()
        self._report.begin(f"{chosen.connections} connections, {chosen.seconds:.0f} s each")
        if self._wanted("create intent"):
            await self._create_intents()
        if any(map(self._wanted, ("cash sale", "QR sale", "push", "notice"))):
            await self._sell()
        if self._wanted("fleet") and self._admin_url:
            self.results += await devices.measure(
                self._demo,
                self._admin_url,
                self._report,
                large=chosen.devices,
                seconds=chosen.seconds,
                warm_up_s=chosen.warm_up,
                connections=chosen.connections,
            )
        self._report.end()
        return 1 if any(result.errors for result in self.results) else 0

    async def _create_intents(self) -> None:
        chosen = self._chosen
        partners = [Partner(self._demo) for _ in range(chosen.connections)]
        result = Result("create intent")
        before = self._count(PUBLISHED)
        await drive(
            result,
            [partner.create_intent for partner in partners],
            seconds=chosen.seconds,
            warm_up_s=chosen.warm_up,
        )
        self.results.append(result)
        p99_ms = result.percentile(99) * 1000
        self._report.result(result, Target(f"p99 < {P99_CEILING_MS:.0f} ms", p99_ms < P99_CEILING_MS))
        if not self._admin_url:
            return
        await self._show_backlog(before)
        if not chosen.alone:
            await self._compare(result, partners[0])

    async def _show_backlog(self, before: int) -> None:
        """Whether the relay kept up with the load, and how fast it is when it has only itself to do."""
        seconds = self._chosen.seconds + self._chosen.warm_up
        left, began = self._count(UNDELIVERED), time.perf_counter()
        told = self._count(PUBLISHED) - before - left
        drained = await self._drained()
        after = left / max(time.perf_counter() - began, ASK_S)
        self._report.figure(
            "relay beside it",
            f"{told / seconds:.0f} events/s, {left} left, those at {after:.0f}/s",
            Target("keeps up", drained and left < told),
        )

    async def _sell(self) -> None:
        """Sales by terminals of their own, each with its WebSocket open, spread over the stores."""
        chosen = self._chosen
        async with AsyncExitStack() as stack:
            http = stack.enter_context(
                httpx2.Client(base_url=self._demo["base_url"], timeout=30, trust_env=False)
            )
            fleet = stack.enter_context(Fleet(self._demo))

            async def opened(places: Sequence[int]) -> list[Till]:
                tills = [Till(fleet.add_terminal(store_id), http) for store_id in places]
                for till in tills:
                    stack.callback(till.close)
                    await stack.enter_async_context(till.listener)
                return tills

            if any(map(self._wanted, ("cash sale", "QR sale", "push"))):
                stores = [fleet.open_store() for _ in range(chosen.stores)]
                await self._sell_from(
                    await opened([stores[number % chosen.stores] for number in range(chosen.connections)])
                )
            if self._wanted("notice"):
                await self._time_notices(
                    await opened([self._demo["providers"]["store_id"]] * NOTICE_TERMINALS)
                )

    async def _sell_from(self, tills: Sequence[Till]) -> None:
        if self._wanted("cash sale"):
            await self._measure("cash sale (3 calls)", [till.sell_for_cash for till in tills])
        if self._wanted("QR sale"):
            await self._measure("QR sale, order to push", [till.sell_by_qr for till in tills])
        if self._wanted("push"):
            await self._time_pushes(tills[0])

    async def _measure(self, name: str, works: Sequence[Callable[[], Awaitable[None]]]) -> None:
        result = Result(name)
        await drive(result, works, seconds=self._chosen.seconds, warm_up_s=self._chosen.warm_up)
        self.results.append(result)
        self._report.result(result)

    async def _time_pushes(self, till: Till) -> None:
        """One sale at a time; the commit lies between the request and the answer."""
        delays: list[tuple[float, float]] = []
        sales = await drive(Result("push"), [till.time_pushes(delays)], seconds=PUSHES_S, warm_up_s=1.0)
        self.results.append(sales)
        for name, index in (("push, from the answer", 0), ("push, from the request", 1)):
            timed = Result(name, elapsed_s=sales.elapsed_s, durations=[delay[index] for delay in delays])
            timed.errors = sales.errors
            self._report.result(timed)

    async def _time_notices(self, tills: Sequence[Till]) -> None:
        """From a provider's sending of its notice to the push: SCB's must be asked about, Stripe's is signed."""
        for provider in ("scb", "stripe"):
            for rate in (NOTICES_PER_S, 0.0):
                arrivals: dict[str, float] = {}
                counted_from = time.time() + self._chosen.warm_up
                result = Result(f"notice to push, {provider}" + ("" if rate else ", flat out"))
                await drive(
                    result,
                    [till.time_notices(provider, arrivals) for till in tills],
                    seconds=self._chosen.seconds,
                    warm_up_s=self._chosen.warm_up,
                    rate=rate,
                )
                result.durations = [
                    arrivals[reference] - sent_at
                    for sent_at, payload in await notices_sent(self._demo)
                    for reference in arrivals
                    if sent_at >= counted_from and reference in payload
                ]
                self.results.append(result)
                holds = 0 < result.percentile(95) * 1000 < NOTICE_CEILING_MS
                targets = [Target(f"p95 < {NOTICE_CEILING_MS:.0f} ms", holds)] if rate else []
                self._report.result(result, *targets)

    async def _compare(self, created: Result, partner: Partner) -> None:
        """The bare database on the statements of the calls just measured."""
        try:
            protocol, bare = await self._run_pgbench(partner)
        except (Unrecorded, pgbench.PgbenchFailed, psycopg.Error) as error:
            print(f"  pgbench: {error}", flush=True)
            self.results.append(Result("pgbench", errors=Counter({str(error): 1})))
            return
        ratio = created.rate / bare.rate
        self._report.figure(
            "pgbench, same statements",
            f"{bare.rate:.1f}/s, {bare.latency_ms:.1f} ms on average, {bare.failed} failed, {protocol}",
        )
        self._report.figure(
            "create intent / pgbench", f"{ratio:.3f}", Target(f"at least {FLOOR:.2f}", ratio >= FLOOR)
        )

    async def _run_pgbench(self, partner: Partner) -> tuple[str, pgbench.Bare]:
        """Once the relay has caught up. Raises Unrecorded, PgbenchFailed."""
        recorded = await self._record(partner)
        if not await self._drained():
            raise Unrecorded(f"the outbox was not empty after {DRAIN_S:.0f} s")
        bare = await asyncio.to_thread(
            pgbench.run,
            recorded,
            environment=os.environ,
            connections=self._chosen.connections,
            seconds=int(self._chosen.seconds),
        )
        return recorded.protocol, bare

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

    async def _drained(self) -> bool:
        """Wait until the relay has nothing left of the load before."""
        ends = time.perf_counter() + DRAIN_S
        while time.perf_counter() < ends:
            if not self._count(UNDELIVERED):
                return True
            await asyncio.sleep(ASK_S)
        return False

    def _count(self, sql: str) -> int:
        if not self._admin_url:
            return 0
        with psycopg.connect(self._admin_url, autocommit=True) as admin:
            row = admin.execute(sql.encode()).fetchone()
        return int(row[0]) if row else 0

    def _lift_partner_limit(self) -> None:
        """The demo PSP's own limit is a small customer's; the platform's limits stay as they are set."""
        with psycopg.connect(self._admin_url, autocommit=True) as admin:
            admin.execute("UPDATE portal.psps SET rate_limit_per_minute = 1000000")

    def _wanted(self, name: str) -> bool:
        return not self._chosen.only or self._chosen.only == name
