"""Fixtures of the operations on a charge."""

import pytest

from mpac.pgw.adapters import registry
from mpac.pgw.db import atomic
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.models import Capture, PaymentIntent, Refund
from mpac.pgw.services.captures import NewCapture, capture_intent
from mpac.pgw.services.refunds import NewRefund, refund_intent
from tests.pgw.conftest import SCOPE
from tests.pgw.doubles import FakeAdapter, HoldingAdapter, RefundingAdapter, TokenAdapter
from tests.pgw.services.routes import NAMES, Routes, mirror_three_accounts


@pytest.fixture
def refunding(mirrored):
    """A provider that gives money back."""
    adapter = RefundingAdapter()
    registry.register(adapter)
    yield adapter
    registry._adapters.pop("fake")


@pytest.fixture
def holding(mirrored):
    """A provider of cards."""
    adapter = HoldingAdapter()
    registry.register(adapter)
    yield adapter
    registry._adapters.pop("fake")


@pytest.fixture
def tokens(mirrored):
    """A provider of cards by token."""
    adapter = TokenAdapter()
    registry.register(adapter)
    yield adapter
    registry._adapters.pop("fake")


class Captures:
    """Short ways for tests; everything goes through the services."""

    def __init__(self, gateway) -> None:
        self.gateway, self._count = gateway, 0

    def held(self, **changes) -> PaymentIntent:
        """An intent whose money is held."""
        return self.gateway.shown(capture_method=CaptureMethod.MANUAL, **changes)

    def wanted(self, intent, amount_minor=None, **changes) -> NewCapture:
        self._count += 1
        values = {
            "intent_id": intent.pk,
            "amount_minor": amount_minor,
            "idempotency_key": f"capture-{self._count}",
            "requested_by": "partner:1",
        }
        return NewCapture(**{**values, **changes})

    def take(self, intent, amount_minor=None, **changes) -> PaymentIntent:
        wanted = self.wanted(intent, amount_minor, **changes)
        return capture_intent(scope=SCOPE, wanted=wanted, now=self.gateway.now)

    def all(self) -> list[Capture]:
        with atomic(SCOPE):
            return list(Capture.objects.order_by("pk"))

    def sums(self, intent) -> tuple[int, int, int]:
        """What is held, what of it is on its way, and what is captured."""
        intent = self.gateway.intent(intent)
        return intent.authorized_minor, intent.capturing_minor, intent.captured_minor


@pytest.fixture
def captures(gateway) -> Captures:
    return Captures(gateway)


class Refunds:
    """Short ways for tests; everything goes through the services."""

    def __init__(self, gateway) -> None:
        self.gateway, self._count = gateway, 0

    def wanted(self, intent, amount_minor=None, **changes) -> NewRefund:
        self._count += 1
        values = {
            "intent_id": intent.pk,
            "amount_minor": amount_minor,
            "reason": "returned goods",
            "idempotency_key": f"refund-{self._count}",
            "requested_by": "partner:1",
        }
        return NewRefund(**{**values, **changes})

    def give(self, intent, amount_minor=None, **changes) -> Refund:
        wanted = self.wanted(intent, amount_minor, **changes)
        return refund_intent(scope=SCOPE, wanted=wanted, now=self.gateway.now)

    def get(self, refund) -> Refund:
        with atomic(SCOPE):
            return Refund.objects.get(pk=refund.pk)

    def all(self) -> list[Refund]:
        with atomic(SCOPE):
            return list(Refund.objects.order_by("pk"))

    def sums(self, intent) -> tuple[int, int]:
        """What is reserved and what is given back."""
        intent = self.gateway.intent(intent)
        return intent.refunding_minor, intent.refunded_minor


@pytest.fixture
def refunds(gateway) -> Refunds:
    return Refunds(gateway)


@pytest.fixture
def routes(provider, now):
    """The store has accounts at three providers; without rules the first is `fake`."""
    adapters = {"fake": provider}
    for name in NAMES[1:]:
        adapters[name] = FakeAdapter()
        adapters[name].name = name
        registry.register(adapters[name])
    mirror_three_accounts(now=now)
    yield Routes(adapters, now)
    for name in NAMES[1:]:
        registry._adapters.pop(name)
