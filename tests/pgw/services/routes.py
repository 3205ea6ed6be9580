"""A store with accounts at three providers, and short ways to route payments there."""

import datetime as dt
from typing import Any

from kernel.tenancy import TenantScope
from mpac.pgw.adapters.port import NotProcessed, Unknown
from mpac.pgw.db import atomic
from mpac.pgw.dto import StoreSnapshot
from mpac.pgw.models import PaymentAttempt, ProviderBreaker, RoutingDecision, RoutingRules
from mpac.pgw.services import breakers, rule_books
from mpac.pgw.services.mirroring import apply_merchant_snapshot
from mpac.pgw.services.rule_books import NewRules, publish_rules
from tests.pgw.conftest import SCOPE, provider_config, snapshot
from tests.pgw.doubles import FakeAdapter, answers

NAMES = ("fake", "other", "third")
REFUSED = answers(NotProcessed(code="not_reached", message="No connection."))
LOST = answers(Unknown(code="timeout", message="No answer."))


def mirror_three_accounts(*, now: dt.datetime) -> None:
    where = {"psp_id": 1, "merchant_id": 11, "store_id": 111}
    configs = tuple(provider_config(name, **where) for name in NAMES)
    store = StoreSnapshot(store_id=111, store_code="S111", name="Store", version=2, provider_configs=configs)
    apply_merchant_snapshot(snapshot(version=2, stores=(store,)), now=now)


class Routes:
    """The three providers, and what was decided and learned about them."""

    def __init__(self, adapters: dict[str, FakeAdapter], now: dt.datetime) -> None:
        self.adapters, self.now = adapters, now

    def __getitem__(self, name: str) -> FakeAdapter:
        return self.adapters[name]

    def calls(self) -> dict[str, int]:
        """How often each provider was called."""
        return {name: len(adapter.created) for name, adapter in self.adapters.items()}

    def publish(
        self, *rules: dict[str, Any], store: int | None = None, scope: TenantScope = SCOPE, **changes: Any
    ) -> RoutingRules:
        """A new version of the merchant's rules, or of the store's."""
        document = changes.pop("document", {"rules": list(rules)} | changes.pop("more", {}))
        with atomic(scope):
            last = rule_books.find_last_version(psp_id=1, merchant_id=11, only_store_id=store)
        values = {"based_on": last.version if last else 0, "published_by": "somebody@example.com", **changes}
        wanted = NewRules(psp_id=1, merchant_id=11, only_store_id=store, document=document, **values)
        return publish_rules(scope=scope, wanted=wanted, now=self.now)

    def decisions(self, intent) -> list[RoutingDecision]:
        with atomic(SCOPE):
            return list(RoutingDecision.objects.filter(intent_id=intent.pk).order_by("id"))

    def attempts(self, intent) -> list[tuple[str, str]]:
        """Provider and status of each attempt."""
        with atomic(SCOPE):
            found = PaymentAttempt.objects.filter(intent_id=intent.pk).order_by("number")
            return [(attempt.provider, str(attempt.status)) for attempt in found]

    def breaker(self, name: str) -> ProviderBreaker | None:
        with atomic(SCOPE):
            return ProviderBreaker.objects.filter(provider=name).first()

    def ail(self, name: str, *, calls: int = 10, now: dt.datetime | None = None) -> None:
        """So many calls to a provider fail."""
        account = breakers.AccountKey(1, 11, 111, name)
        for _ in range(calls):
            breakers.report(scope=SCOPE, account=account, failed=True, took_s=0.1, now=now or self.now)
