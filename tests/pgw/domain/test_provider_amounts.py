"""A provider's units of an amount ..."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.currencies import CURRENCIES
from kernel.money import AmountMalformed, AmountNotExact, CurrencyUnknown, Money
from mpac.pgw.domain.provider_amounts import OVERRIDES, from_text, from_units, to_text, to_units


@pytest.mark.parametrize(
    ("amount", "units", "text"),
    [
        (Money(12550, "THB"), 12550, "125.50"),
        (Money(500, "JPY"), 500, "500"),
        (Money(1234, "KWD"), 1234, "1.234"),
        (Money(5, "CLF"), 5, "0.0005"),
    ],
)
def test_are_iso_s_smallest_units_as_a_rule(amount, units, text):
    assert to_units(amount, provider="omise") == units
    assert from_units(units, amount.currency, provider="omise") == amount
    assert to_text(amount, provider="omise") == text
    assert from_text(text, amount.currency, provider="omise") == amount


@pytest.mark.parametrize(
    ("amount", "units"),
    [
        (Money(250, "ISK"), 25000),
        (Money(7, "UGX"), 700),
        (Money(900, "MGA"), 9),
        (Money(5120, "KWD"), 5120),
        (Money(5120, "TND"), 5120),
        (Money(10, "IDR"), 10),
        (Money(500, "KRW"), 500),
    ],
)
def test_are_stripes_own_where_stripe_says_so(amount, units):
    assert to_units(amount, provider="stripe") == units
    assert from_units(units, amount.currency, provider="stripe") == amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money(123400, "HUF"), "1234"),
        (Money(99900, "TWD"), "999"),
        (Money(500, "JPY"), "500"),
        (Money(5, "USD"), "0.05"),
    ],
)
def test_are_paypals_own_where_paypal_says_so(amount, text):
    assert to_text(amount, provider="paypal") == text
    assert from_text(text, amount.currency, provider="paypal") == amount
    assert from_text(f"{text}.00" if "." not in text else text, amount.currency, provider="paypal") == amount


@pytest.mark.parametrize("amount", [Money(5124, "KWD"), Money(1, "BHD"), Money(950, "MGA")])
def test_do_not_exist_for_an_amount_that_the_provider_cannot_express(amount):
    with pytest.raises(AmountNotExact):
        to_units(amount, provider="stripe")


def test_that_are_finer_than_our_currency_are_no_amount():
    with pytest.raises(AmountNotExact):
        from_units(25050, "ISK", provider="stripe")
    with pytest.raises(AmountNotExact):
        from_text("1.25", "MGA", provider="stripe")


@pytest.mark.parametrize("units", [1.0, "1", True, None])
def test_are_whole_numbers(units):
    with pytest.raises(AmountMalformed):
        from_units(units, "THB", provider="stripe")


def test_are_counted_in_known_currencies():
    with pytest.raises(CurrencyUnknown):
        from_units(1, "XXX", provider="stripe")


@given(
    minor=st.integers(min_value=1, max_value=10**12),
    currency=st.sampled_from(sorted(CURRENCIES)),
    provider=st.sampled_from([*sorted(OVERRIDES), "omise"]),
)
def test_lead_back_to_the_same_amount_or_are_refused(minor, currency, provider):
    amount = Money(minor, currency)
    try:
        units = to_units(amount, provider=provider)
    except AmountNotExact:
        return
    assert from_units(units, currency, provider=provider) == amount
    assert from_text(to_text(amount, provider=provider), currency, provider=provider) == amount
