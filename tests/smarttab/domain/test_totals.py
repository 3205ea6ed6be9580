"""The arithmetic of an order."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpac.smarttab.domain.totals import (
    MAX_TOTAL_MINOR,
    Line,
    Modifier,
    Portion,
    TotalsError,
    compute_totals,
    tax_inside,
)

SEVEN_PERCENT = {"vat": 70_000}


def totals(*lines, **terms):
    terms.setdefault("rates_ppm", {})
    return compute_totals(currency="THB", lines=lines, **terms)


def line(price, quantity=1, **more):
    return Line(name="Thing", unit_price_minor=price, quantity=quantity, **more)


def test_an_order_is_the_sum_of_its_lines():
    computed = totals(line(6000, 2), line(2550))
    assert computed.subtotal_minor == 14550
    assert computed.total_minor == 14550
    assert computed.tax_minor == 0


def test_modifiers_are_charged_per_unit():
    extra = Modifier(name="Egg", price_minor=1000, quantity=2)
    computed = totals(line(6000, 3, modifiers=(extra,)))
    assert computed.lines[0].gross_minor == 3 * (6000 + 2000)


def test_discounts_charge_and_tip_follow_one_another():
    computed = totals(
        line(10000, discount=Portion(basis_points=1000)),
        line(5000, discount=Portion(amount_minor=500)),
        discounts=(Portion(amount_minor=500), Portion(basis_points=1000)),
        service_charge=Portion(basis_points=1000),
        tip_minor=77,
    )
    # lines 9000 + 4500 = 13500; discounts 500 + 1350; service charge 10 % of 11650
    assert computed.subtotal_minor == 15000
    assert computed.discount_minor == 1000 + 500 + 500 + 1350
    assert computed.service_charge_minor == 1165
    assert computed.total_minor == 11650 + 1165 + 77


@pytest.mark.parametrize(
    ("gross", "tax"), [(10700, 700), (10000, 654), (9900, 648), (156000, 10206), (50, 3), (0, 0)]
)
def test_tax_inside_a_price_is_rounded_half_up(gross, tax):
    assert tax_inside(gross, 70_000) == tax


def test_tax_is_taken_from_the_document_and_not_from_each_line():
    lines = [line(1000, tax_code="vat") for _ in range(3)]
    assert totals(*lines, rates_ppm=SEVEN_PERCENT).tax_minor == 196


def test_codes_with_one_rate_are_rounded_together():
    rates = {"food": 100_000, "alcohol": 100_000, "reduced": 80_000}
    computed = totals(
        line(105, tax_code="food"),
        line(105, tax_code="alcohol"),
        line(108, tax_code="reduced"),
        rates_ppm=rates,
    )
    assert [(tax.rate_ppm, tax.tax_codes, tax.gross_minor, tax.tax_minor) for tax in computed.taxes] == [
        (80_000, ("reduced",), 108, 8),
        (100_000, ("alcohol", "food"), 210, 19),
    ]


def test_a_discount_on_the_order_lowers_the_tax_of_every_line():
    computed = totals(
        line(10700, tax_code="vat"),
        line(10700),
        discounts=(Portion(amount_minor=10700),),
        rates_ppm=SEVEN_PERCENT,
    )
    assert computed.tax_minor == tax_inside(5350, 70_000)


def test_a_service_charge_bears_its_own_tax():
    computed = totals(
        line(10000),
        service_charge=Portion(amount_minor=1070),
        service_charge_tax_code="vat",
        rates_ppm=SEVEN_PERCENT,
    )
    assert computed.tax_minor == 70


@pytest.mark.parametrize(
    ("lines", "terms", "field", "code"),
    [
        ([line(100, tax_code="vat")], {}, "items[0].tax_code", "tax_code_unknown"),
        (
            [line(100), line(100, discount=Portion(amount_minor=101))],
            {},
            "items[1].discount",
            "discount_too_large",
        ),
        ([line(100)], {"discounts": (Portion(amount_minor=101),)}, "discounts", "discount_too_large"),
        ([line(MAX_TOTAL_MINOR), line(1)], {}, "items", "amount_too_large"),
        ([line(MAX_TOTAL_MINOR)], {"tip_minor": 1}, "items", "amount_too_large"),
        (
            [line(100)],
            {"service_charge": Portion(amount_minor=1), "service_charge_tax_code": "x"},
            "service_charge.tax_code",
            "tax_code_unknown",
        ),
    ],
)
def test_what_makes_no_order_is_refused_with_its_place(lines, terms, field, code):
    with pytest.raises(TotalsError) as refused:
        totals(*lines, **terms)
    assert (refused.value.field, refused.value.code) == (field, code)


@pytest.mark.parametrize("both_or_neither", [{}, {"amount_minor": 1, "basis_points": 1}])
def test_a_portion_is_an_amount_or_a_share(both_or_neither):
    with pytest.raises(ValueError):
        Portion(**both_or_neither)


portions = st.builds(Portion, basis_points=st.integers(0, 3000))
lines_ = st.lists(
    st.builds(
        Line,
        name=st.just("Thing"),
        unit_price_minor=st.integers(0, 10**9),
        quantity=st.integers(1, 100),
        tax_code=st.sampled_from([None, "standard", "reduced", "zero"]),
        modifiers=st.lists(
            st.builds(
                Modifier, name=st.just("Extra"), price_minor=st.integers(0, 10**6), quantity=st.integers(1, 3)
            ),
            max_size=2,
        ),
        discount=st.none() | portions,
    ),
    min_size=1,
    max_size=8,
)
RATES = {"standard": 100_000, "reduced": 80_000, "zero": 0}


@given(
    lines=lines_,
    discounts=st.lists(portions, max_size=3),
    charge=st.none() | portions,
    tip=st.integers(0, 10**6),
)
def test_nothing_is_lost_and_nothing_is_negative(lines, discounts, charge, tip):
    computed = totals(*lines, discounts=discounts, service_charge=charge, tip_minor=tip, rates_ppm=RATES)
    assert computed.total_minor == (
        computed.subtotal_minor - computed.discount_minor + computed.service_charge_minor + computed.tip_minor
    )
    assert computed.subtotal_minor == sum(each.gross_minor for each in computed.lines)
    assert 0 <= computed.discount_minor <= computed.subtotal_minor
    assert 0 <= computed.tax_minor <= computed.total_minor
    assert all(each.total_minor == each.gross_minor - each.discount_minor >= 0 for each in computed.lines)


@given(lines=lines_, discounts=st.lists(portions, max_size=3))
def test_the_taxed_parts_make_up_what_bears_tax(lines, discounts):
    everything_taxed = [Line(**{**vars(each), "tax_code": each.tax_code or "zero"}) for each in lines]
    computed = totals(*everything_taxed, discounts=discounts, rates_ppm=RATES)
    assert sum(tax.gross_minor for tax in computed.taxes) == computed.total_minor


@given(st.integers(0, 10**15), st.integers(0, 1_000_000))
def test_tax_inside_agrees_with_decimal_arithmetic(gross, rate_ppm):
    exact = Decimal(gross) * rate_ppm / (1_000_000 + rate_ppm)
    assert tax_inside(gross, rate_ppm) == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
