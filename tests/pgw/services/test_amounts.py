"""Limits of amounts ..."""

import pytest

from kernel.money import Money
from mpac.pgw.errors import AmountTooLarge, AmountTooSmall
from mpac.pgw.services.confirmation import confirm_intent
from tests.pgw.conftest import SCOPE


@pytest.fixture(autouse=True)
def limits(settings):
    settings.MPAC_AMOUNT_LIMITS = {"THB": (100, 50_000), "THB/qr_code": (2_000, 40_000)}


@pytest.mark.parametrize(
    ("method", "amount", "refusal"),
    [
        (None, 99, AmountTooSmall),
        (None, 100, None),
        (None, 50_000, None),
        (None, 50_001, AmountTooLarge),
        ("qr_code", 1_999, AmountTooSmall),
        ("qr_code", 2_000, None),
        ("qr_code", 40_000, None),
        ("qr_code", 40_001, AmountTooLarge),
    ],
)
def test_are_those_of_the_currency_and_of_the_method_where_it_has_its_own(gateway, method, amount, refusal):
    wanted = {"method": method, "amount": Money(amount, "THB")}
    if refusal is None:
        assert gateway.create(**wanted).amount_minor == amount
    else:
        with pytest.raises(refusal):
            gateway.create(**wanted)


@pytest.mark.parametrize(("amount", "refusal"), [(1_999, AmountTooSmall), (40_001, AmountTooLarge)])
def test_hold_for_a_method_that_is_chosen_later(gateway, provider, amount, refusal):
    intent = gateway.create(method=None, amount=Money(amount, "THB"))
    with pytest.raises(refusal):
        confirm_intent(scope=SCOPE, intent_id=intent.pk, method="qr_code", now=gateway.now)
    assert provider.created == []


def test_of_a_currency_that_has_none_are_wide(gateway):
    assert gateway.create(amount=Money(10**12, "USD")).amount_minor == 10**12
    with pytest.raises(AmountTooLarge):
        gateway.create(amount=Money(10**12 + 1, "USD"))
