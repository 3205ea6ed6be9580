"""A store with an account at every provider, its callers and customers, and one clock for all of them.

The real adapters speak to the simulator over HTTP, its notices go to the real services, and the jobs run when something is
due, on a grid as coarse as their real schedule. So two minutes pass in the time that the work in them takes.
"""

import asyncio
import datetime as dt
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import httpx2
import msgspec
from django.db import connections

from kernel.crypto import seal
from kernel.errors import DomainError
from kernel.ids import encode
from mpac.pgw.db import atomic
from mpac.pgw.domain.lateness import Source
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.dto import ProviderConfigSnapshot, StoreSnapshot
from mpac.pgw.models import PaymentIntent, StoreProviderConfig
from mpac.pgw.services.confirmation import confirm_intent
from mpac.pgw.services.creation import NewIntent, create_intent
from mpac.pgw.services.inbound import Delivery, receive_webhook, retry_webhooks
from mpac.pgw.services.mirroring import apply_merchant_snapshot
from mpac.pgw.services.operation_resolution import resolve_due_captures, resolve_due_refunds
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.adapters.contract import Kit, Way
from tests.pgw.conftest import SCOPE, snapshot
from tests.pgw.faults.town import Town

GRID_S = 2
BANGKOK = dt.timezone(dt.timedelta(hours=7))
# The jobs, and the next instant at which each has something to do.
JOBS = {
    "attempts": resolve_due_attempts,
    "captures": resolve_due_captures,
    "refunds": resolve_due_refunds,
    "notices": retry_webhooks,
}
NEXT_DUE = """
    SELECT 'attempts', min(next_probe_at) FROM pgw.payment_attempts
    UNION ALL SELECT 'captures', min(next_probe_at) FROM pgw.captures
    UNION ALL SELECT 'refunds', min(next_probe_at) FROM pgw.refunds
    UNION ALL SELECT 'notices', min(next_try_at) FROM pgw.webhook_keys WHERE status IN ('pending', 'parked')
"""
# What one life leaves behind is nobody's business in the next.
LEAVE_ALONE = """
    WITH attempts AS ({attempts}), captures AS ({captures}), refunds AS ({refunds})
    {notices}
"""
POSTPONE = "UPDATE pgw.{0} SET {1} = {1} + interval '1 year' WHERE {1} < now() + interval '1 month'"
LEAVE_ALONE = LEAVE_ALONE.format(
    attempts=POSTPONE.format("payment_attempts", "next_probe_at"),
    captures=POSTPONE.format("captures", "next_probe_at"),
    refunds=POSTPONE.format("refunds", "next_probe_at"),
    notices=POSTPONE.format("webhook_keys", "next_try_at"),
)
AT_ONCE = 2
ROWS = """
    (SELECT coalesce(jsonb_agg(to_jsonb({0}) ORDER BY {0}.id), '[]') FROM pgw.{0} WHERE {0}.intent_id = i.id)
"""
FACTS = "SELECT to_jsonb(i), {}, {}, {}, {} FROM pgw.payment_intents i WHERE i.id = %s".format(
    *(ROWS.format(table) for table in ("payment_attempts", "captures", "refunds", "late_payments"))
)


class Facts(NamedTuple):
    """What the gateway says, as it is stored."""

    intent: Any
    attempts: list[Any]
    captures: list[Any]
    refunds: list[Any]
    late: list[Any]


class Gateway:
    """The merchant's side of the providers' notices: hands them to the services, two at once at most."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="notices")
        self.refused: list[str] = []
        self.now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)

    async def receive(self, request: httpx2.Request) -> httpx2.Response:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._receive, request)

    def close(self) -> None:
        barrier = threading.Barrier(AT_ONCE)
        for _ in range(AT_ONCE):
            self._threads.submit(lambda: (barrier.wait(), connections.close_all()))
        self._threads.shutdown()

    def _receive(self, request: httpx2.Request) -> httpx2.Response:
        provider, *account = request.url.path.removeprefix("/v1/webhooks").strip("/").split("/")
        delivery = Delivery(
            provider=provider,
            account=account[0] if account else "",
            headers=dict(request.headers),
            body=request.content,
        )
        try:
            answer = receive_webhook(delivery=delivery, now=self.now())
        except DomainError as error:
            self.refused.append(f"{provider}: {type(error).__name__}")
            return httpx2.Response(400)
        if isinstance(answer, str):
            return httpx2.Response(200, text=answer)
        return httpx2.Response(200, content=msgspec.json.encode(answer))


class World:
    """The town, the store, and short words for what happens in them."""

    def __init__(self, town: Town, gateway: Gateway, settings: Any, superuser: Any) -> None:
        self.town, self.gateway, self.settings, self.superuser = town, gateway, settings, superuser
        self._keys = itertools.count()
        self.started_at = self.now = dt.datetime.now(dt.UTC)
        gateway.now = lambda: self.now
        gateway.refused = []

    def open(self, kits: list[Kit], directory: Path) -> None:
        """Open the store with an account of each kit, and enter it at the providers."""
        configs = tuple(_config(kit) for kit in kits)
        store = StoreSnapshot(
            store_id=111, store_code="S111", name="Store", version=2, provider_configs=configs
        )
        self.begin()
        apply_merchant_snapshot(snapshot(version=2, stores=(store,)), now=self.now)
        for kit in kits:
            kit.prepare(self.settings, self.town.url, directory)
            setattr(self.settings, kit.setting, f"{self.town.url}/{kit.name}")
            self.town.enter(kit, webhook_url=self._webhook_url(kit))

    def begin(self) -> None:
        """Another life begins: nobody has any plans, and it is now."""
        self.superuser.execute(LEAVE_ALONE)
        self.town.forget()
        self.town.merchant = self.gateway
        self.started_at = self.now = self.town.now = _well_before_midnight(dt.datetime.now(dt.UTC))

    def key(self) -> str:
        return f"key-{next(self._keys)}"

    def intent(self, kit: Kit, way: Way, *, held: bool) -> PaymentIntent:
        wanted = NewIntent(
            merchant_id=11,
            store_id=111,
            amount=way.amount,
            method=way.method,
            provider=kit.name,
            idempotency_key=self.key(),
            source=Source.API,
            livemode=False,
            capture_method=CaptureMethod.MANUAL if held else CaptureMethod.AUTOMATIC,
        )
        return create_intent(scope=SCOPE, wanted=wanted, now=self.now)

    def confirm(self, intent: PaymentIntent, way: Way) -> None:
        confirm_intent(scope=SCOPE, intent_id=intent.pk, payment_token=way.token, now=self.now)

    def dues(self, *, until: dt.datetime) -> Iterator[None]:
        """Let time pass from one instant at which something happens to the next; the jobs that are due run at each."""
        while (dues := self._dues()) and (due := min(dues.values())) <= until:
            steps = max(1, -(-(due - self.now) // dt.timedelta(seconds=GRID_S)))
            self._go_to(self.now + steps * dt.timedelta(seconds=GRID_S))
            for name, at in dues.items():
                if at <= self.now and name in JOBS:
                    JOBS[name](now=self.now)
            self.arrive()
            yield
        self._go_to(until)

    def later(self, seconds: int) -> dt.datetime:
        return self.now + dt.timedelta(seconds=seconds)

    def arrive(self) -> None:
        """Let everything arrive that is on its way."""
        self._go_to(self.now)

    def status_of(self, intent: PaymentIntent) -> str:
        [(status,)] = self.superuser.execute(
            "SELECT status FROM pgw.payment_intents WHERE id = %s", [intent.pk]
        ).fetchall()
        return str(status)

    def facts_of(self, intent: PaymentIntent) -> Facts:
        """Everything that the gateway says about an intent."""
        [row] = self.superuser.execute(FACTS, [intent.pk]).fetchall()
        return Facts(*(_named(value) for value in row))

    def _go_to(self, instant: dt.datetime) -> None:
        self.now = max(self.now, instant)
        self.town.go_to(self.now)

    def _dues(self) -> dict[str, dt.datetime]:
        """When there is something to do, and for whom."""
        dues = dict(self.superuser.execute(NEXT_DUE).fetchall()) | {"town": self.town.next_due()}
        return {name: due for name, due in dues.items() if due is not None}

    def _webhook_url(self, kit: Kit) -> str:
        with atomic(SCOPE):
            config = StoreProviderConfig.objects.get(provider_name=kit.name)
        account = f"/{encode('pca', config.pk)}" if kit.secrets[0] else ""
        return f"http://merchant.test/{kit.name}{account}"


def _config(kit: Kit) -> ProviderConfigSnapshot:
    credentials = kit.account().credentials
    return ProviderConfigSnapshot(
        provider_name=kit.name,
        account=dict(kit.fields),
        api_key_encrypted=seal(
            msgspec.json.encode(dict(credentials)), aad=f"provider-config:1:11:111:{kit.name}"
        ),
        enabled=True,
        version=1,
        livemode=False,
    )


def _well_before_midnight(instant: dt.datetime) -> dt.datetime:
    """Some banks give back on the day of the payment only; a life of a few minutes shall not go over its end."""
    local = instant.astimezone(BANGKOK)
    return instant + dt.timedelta(minutes=10) if (local.hour, local.minute // 10) == (23, 5) else instant


def _named(value: Any) -> Any:
    """Rows whose columns are read by name."""
    if isinstance(value, list):
        return [SimpleNamespace(**row) for row in value]
    return SimpleNamespace(**value)
