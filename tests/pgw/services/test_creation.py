"""Creating an intent under a key that has made one before ..."""

import pytest

from kernel.idempotency import KeyReused
from kernel.money import Money

pytestmark = pytest.mark.usefixtures("healthy")


def test_gives_the_same_intent(gateway):
    assert gateway.create(idempotency_key="K").pk == gateway.create(idempotency_key="K").pk


@pytest.mark.parametrize("other", [{"amount": Money(1, "THB")}, {"amount": Money(12550, "JPY")}])
def test_is_refused_for_other_money(gateway, other):
    gateway.create(idempotency_key="K")
    with pytest.raises(KeyReused):
        gateway.create(idempotency_key="K", **other)


def test_gives_it_also_when_a_new_one_would_be_refused_by_now(gateway, settings):
    """A refusal must prove that there is no intent: whoever asks again relies on it."""
    first = gateway.shown(idempotency_key="K")
    settings.MPAC_AMOUNT_LIMITS = {"THB": (1, 1)}
    assert gateway.create(idempotency_key="K").pk == first.pk
