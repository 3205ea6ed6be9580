"""The gateway's fixtures: a mirrored store, a fake provider, and short ways to make and read intents."""

import datetime as dt

import msgspec
import pytest

from kernel import clock
from kernel.crypto import seal
from kernel.ids import encode
from kernel.money import Money
from kernel.tenancy import TenantScope
from mpac.pgw.db import atomic
from mpac.pgw.domain.lateness import Source
from mpac.pgw.dto import MerchantSnapshot, PartnerSnapshot, ProviderConfigSnapshot, StoreSnapshot
from mpac.pgw.models import PaymentAttempt, PaymentIntent
from mpac.pgw.selectors.invariants import list_invariants
from mpac.pgw.services.asking import probe_attempt
from mpac.pgw.services.confirmation import confirm_intent
from mpac.pgw.services.creation import NewIntent, create_intent
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.mirroring import apply_merchant_snapshot
from tests.pgw.doubles import FakeAdapter, registered

SCOPE = TenantScope(1, 11)
OTHER_SCOPE = TenantScope(2, 22)
AMOUNT = Money(12550, "THB")


def provider_config(provider: str, *, psp_id: int, merchant_id: int, store_id: int) -> ProviderConfigSnapshot:
    credentials = msgspec.json.encode({"api_key": "key", "api_secret": "secret"})
    return ProviderConfigSnapshot(
        provider_name=provider,
        account={"biller_id": "123456789012345", "ref3_prefix": "SCB"},
        api_key_encrypted=seal(
            credentials, aad=f"provider-config:{psp_id}:{merchant_id}:{store_id}:{provider}"
        ),
        enabled=True,
        version=1,
    )


def snapshot(
    *, psp_id: int = 1, merchant_id: int = 11, store_id: int = 111, provider: str = "fake", **changes
):
    where = {"psp_id": psp_id, "merchant_id": merchant_id, "store_id": store_id}
    store = StoreSnapshot(
        store_id=store_id,
        store_code=f"S{store_id}",
        name="Store",
        version=1,
        provider_configs=(provider_config(provider, **where),),
    )
    values = {
        "psp_id": psp_id,
        "merchant_id": merchant_id,
        "merchant_code": f"M{merchant_id}",
        "name": "Merchant",
        "version": 1,
        "stores": (store,),
        "partner": PartnerSnapshot(psp_id=psp_id, name="Partner", version=1),
    }
    return MerchantSnapshot(**{**values, **changes})


@pytest.fixture
def now() -> dt.datetime:
    return clock.now()


@pytest.fixture
def mirrored(database, now):
    """Two providers' hierarchies, one store each."""
    apply_merchant_snapshot(snapshot(), now=now)
    apply_merchant_snapshot(snapshot(psp_id=2, merchant_id=22, store_id=222), now=now)


@pytest.fixture
def provider(mirrored):
    """The fake provider, known to the gateway during this test."""
    with registered() as adapter:
        yield adapter


class Gateway:
    """Short ways for tests; everything goes through the services."""

    def __init__(self, provider: FakeAdapter, now: dt.datetime) -> None:
        self.provider, self.now, self._count = provider, now, 0

    def wanted(self, **changes) -> NewIntent:
        self._count += 1
        values = {
            "merchant_id": 11,
            "store_id": 111,
            "amount": AMOUNT,
            "method": "qr_code",
            "provider": None,
            "idempotency_key": f"key-{self._count}",
            "source": Source.SMARTTAB,
            "livemode": False,
        }
        return NewIntent(**{**values, **changes})

    def create(self, **changes) -> PaymentIntent:
        return create_intent(scope=SCOPE, wanted=self.wanted(**changes), now=self.now)

    def confirm(self, intent: PaymentIntent, *, now: dt.datetime | None = None) -> PaymentIntent:
        return confirm_intent(scope=SCOPE, intent_id=intent.pk, now=now or self.now)

    def shown(self, **changes) -> PaymentIntent:
        """An intent whose QR is on a screen."""
        return self.confirm(self.create(**changes))

    def intent(self, intent: PaymentIntent) -> PaymentIntent:
        with atomic(SCOPE):
            return PaymentIntent.objects.get(pk=intent.pk)

    def attempt(self, intent: PaymentIntent) -> PaymentAttempt:
        with atomic(SCOPE):
            return PaymentAttempt.objects.filter(intent_id=intent.pk).order_by("-number").first()

    def pay(self, intent: PaymentIntent, *, amount: Money = AMOUNT) -> str:
        """The customer pays the QR of the last attempt."""
        return self.provider.pay(self.attempt(intent).provider_key, amount)

    def probe(self, intent: PaymentIntent) -> PaymentIntent:
        """Ask about the last attempt."""
        found, _ = probe_attempt(
            scope=SCOPE, attempt_id=self.attempt(intent).pk, learned_from=LearnedFrom.PROBE, now=self.now
        )
        return found

    def later(self, seconds: float) -> dt.datetime:
        return self.now + dt.timedelta(seconds=seconds)


@pytest.fixture
def gateway(provider, now) -> Gateway:
    return Gateway(provider, now)


@pytest.fixture
def events(superuser):
    """The types of the published events of an intent, in their order; all intents without one."""

    def read(intent: PaymentIntent | None = None) -> list[str]:
        rows = superuser.execute(
            "SELECT type, payload->>'intent_id' FROM pgw.outbox ORDER BY position"
        ).fetchall()
        wanted = None if intent is None else encode("pi", intent.pk)
        return [kind.removeprefix("pgw.") for kind, owner in rows if wanted in (None, owner)]

    return read


@pytest.fixture
def healthy(database):
    """Fails the test when it leaves a row that breaks an invariant."""
    yield
    for invariant in list_invariants():
        assert invariant.offending() == [], f"{invariant.code}: {invariant.name}"
