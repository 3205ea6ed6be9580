"""Fixtures of the operations on a charge."""

import pytest

from mpac.pgw.adapters import registry
from mpac.pgw.db import atomic
from mpac.pgw.models import Refund
from mpac.pgw.services.refunds import NewRefund, refund_intent
from tests.pgw.conftest import SCOPE
from tests.pgw.doubles import RefundingAdapter


@pytest.fixture
def refunding(mirrored):
    """A provider that gives money back."""
    adapter = RefundingAdapter()
    registry.register(adapter)
    yield adapter
    registry._adapters.pop("fake")


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
