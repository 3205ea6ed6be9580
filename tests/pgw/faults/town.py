"""The simulator in this process on a clock that tests move: what a bank does late it does when its time has come."""

import asyncio
import datetime as dt
import heapq
import itertools
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx2

from simulator.scripts import PROVIDERS, Behaviour
from tests.pgw.adapters.contract import Kit
from tests.simulator.conftest import PATIENCE_S, PLAIN, Running


@dataclass(order=True, frozen=True)
class Sleeper:
    """Somebody who waits for an instant."""

    until: dt.datetime
    number: int = field(default_factory=itertools.count().__next__)
    awake: asyncio.Event = field(default_factory=asyncio.Event, compare=False)


class Town(Running):
    """All providers, and the time."""

    def __init__(self) -> None:
        self._sleepers: list[Sleeper] = []
        super().__init__(PLAIN)

    def enter(self, kit: Kit, *, webhook_url: str) -> None:
        """Tell a provider's dashboard where its notices go."""
        if kit.merchant_key:
            entry = {
                "provider": kit.name,
                "key": kit.credentials[kit.merchant_key],
                "webhook_url": webhook_url,
                "webhook_secrets": [secret for secret in kit.secrets[:1] if secret],
                "options": dict(kit.options),
            }
            assert self.http.post("/__merchants", json=entry).status_code == 200

    def forget(self) -> None:
        """Empty all books, and behave again."""
        assert self.http.post("/__reset").status_code == 200

    def strike(self, provider: str, operation: str, behaviour: str, *, times: int | None = None) -> None:
        """Script an operation, or the provider's whole service where that operation cannot show the behaviour."""
        if provider not in PROVIDERS:
            return
        body = {"provider": provider, "behaviour": behaviour} | ({"times": times} if times else {})
        if self.http.post("/__script", json={**body, "operation": operation}).status_code != 200:
            answer = self.http.post("/__script", json={**body, "operation": "*"})
            assert answer.status_code == 200, answer.text

    def books(self) -> dict[str, list[dict[str, Any]]]:
        """What the providers themselves know."""
        return self.http.get("/__truth").json()

    def scan(self, code: str, *, timeout_s: float) -> int | None:
        """A customer pays what is shown; the app's answer, if one came."""
        try:
            return self.http.post("/__pay", json={"qr_payload": code}, timeout=timeout_s).status_code
        except httpx2.TransportError:
            return None

    def tell_everything(self, provider: str) -> None:
        """A provider finds its voice again, and repeats its news."""
        self.strike(provider, "*", "ok")
        self._in_town(self._tell_everything(provider))

    def go_to(self, instant: dt.datetime) -> None:
        """Let the time come, and everything happen that is due by then."""
        self._in_town(self._go_to(instant))

    def next_due(self) -> dt.datetime | None:
        """When somebody here does something of their own accord."""
        return self._sleepers[0].until if self._sleepers else None

    async def _tell_everything(self, provider: str) -> None:
        truth, house = self.bank.truth, self.bank.houses[provider]
        charges = [house.news(charge) for charge in truth.charges(provider=provider)]
        refunds = [house.refund_news(refund) for refund in truth.refunds()]
        for notice in charges + refunds:
            self.bank.customer.tell(notice, how=Behaviour.OK)
        await self._quiet()

    async def _go_to(self, instant: dt.datetime) -> None:
        while self._sleepers and self._sleepers[0].until <= instant:
            sleeper = heapq.heappop(self._sleepers)
            self.now = max(self.now, sleeper.until)
            sleeper.awake.set()
            await self._quiet()
        self.now = max(self.now, instant)
        await self._quiet()

    async def _quiet(self) -> None:
        """Until everybody here sleeps."""
        running = self.bank.callbacks._running
        async with asyncio.timeout(PATIENCE_S):
            while len(running) > len(self._sleepers):  # noqa: ASYNC110 - nobody tells who falls asleep
                await asyncio.sleep(0.0005)

    async def _pause(self, seconds: float) -> None:
        sleeper = Sleeper(self.now + dt.timedelta(seconds=seconds))
        heapq.heappush(self._sleepers, sleeper)
        try:
            await sleeper.awake.wait()
        except asyncio.CancelledError:
            self._sleepers = sorted(set(self._sleepers) - {sleeper})
            raise

    def _in_town(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * PATIENCE_S)
