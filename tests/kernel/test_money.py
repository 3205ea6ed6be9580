"""Money keeps every unit, refuses to mix currencies and never rounds unasked."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.currencies import CURRENCIES, NUMERIC_CODES
from kernel.money import (
    MAX_MINOR,
    AmountMalformed,
    AmountNotExact,
    AmountOutOfRange,
    CurrencyMismatch,
    CurrencyUnknown,
    Money,
    Rounding,
    divide,
    exponent,
)

codes = st.sampled_from(sorted(CURRENCIES))
minors = st.integers(-MAX_MINOR, MAX_MINOR)
moneys = st.builds(Money, minors, codes)
DECIMAL_MODES = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.DOWN: ROUND_DOWN,
    Rounding.UP: ROUND_UP,
}


@pytest.mark.parametrize(
    ("code", "digits", "number"),
    [
        ("THB", 2, "764"), ("JPY", 0, "392"), ("KWD", 3, "414"), ("USD", 2, "840"), ("KRW", 0, "410"),
        ("VND", 0, "704"), ("CLP", 0, "152"), ("ISK", 0, "352"), ("BHD", 3, "048"), ("OMR", 3, "512"),
        ("JOD", 3, "400"), ("TND", 3, "788"), ("CLF", 4, "990"), ("UYW", 4, "927"), ("IDR", 2, "360"),
        ("LAK", 2, "418"), ("MMK", 2, "104"), ("MGA", 2, "969"),
    ],
)  # fmt: skip
def test_exponents_and_numbers_are_those_of_iso_4217(code, digits, number):
    assert exponent(code) == digits
    assert NUMERIC_CODES[code] == number


def test_the_table_is_complete_and_has_no_metals_or_test_codes():
    assert len(CURRENCIES) == len(set(NUMERIC_CODES.values())) == 165
    assert not {"XAU", "XTS", "XXX", "XDR"} & CURRENCIES.keys()


@pytest.mark.parametrize("code", ["", "thb", "XXX", "XAU", "THB ", "ABC"])
def test_an_unknown_currency_is_refused(code):
    with pytest.raises(CurrencyUnknown):
        Money(1, code)
    with pytest.raises(CurrencyUnknown):
        Money.from_decimal("1", code)


@pytest.mark.parametrize("amount", [1.0, True, "1", Decimal(1), None])
def test_only_whole_numbers_are_amounts(amount):
    with pytest.raises(TypeError):
        Money(amount, "THB")


@given(moneys)
def test_decimal_text_and_back_changes_nothing(money):
    assert Money.from_decimal(money.to_decimal(), money.currency) == money
    assert Money.from_decimal(f"{money.to_decimal():f}", money.currency) == money


def test_decimals_are_exact_whatever_the_ambient_context():
    with localcontext(prec=3):
        assert Money.from_decimal("1234567.89", "THB") == Money(123456789, "THB")
        assert str(Money(123456789, "THB").to_decimal()) == "1234567.89"


@pytest.mark.parametrize(
    ("text", "code", "minor"),
    [("125.50", "THB", 12550), ("125.5", "THB", 12550), ("125.500", "THB", 12550), ("0", "JPY", 0),
     ("100.0", "JPY", 100),
     ("-0.00", "THB", 0), ("-1.234", "KWD", -1234), ("0.0001", "CLF", 1), ("0" * 30 + "1", "JPY", 1)],
)  # fmt: skip
def test_major_units_become_minor_units(text, code, minor):
    assert Money.from_decimal(text, code) == Money(minor, code)


@pytest.mark.parametrize(
    ("text", "code", "error"),
    [
        ("1.005", "THB", AmountNotExact), ("0.1", "JPY", AmountNotExact),
        ("0." + "0" * 39 + "1", "THB", AmountNotExact),
        ("92233720368547758.08", "THB", AmountOutOfRange), ("9" * 40, "JPY", AmountOutOfRange),
        ("NaN", "THB", AmountMalformed), ("Infinity", "THB", AmountMalformed),
        ("1e3", "THB", AmountMalformed),
        ("1_000", "THB", AmountMalformed), (" 1", "THB", AmountMalformed), ("", "THB", AmountMalformed),
        (".5", "THB", AmountMalformed), ("1.", "THB", AmountMalformed), ("+1", "THB", AmountMalformed),
        ("1,000", "THB", AmountMalformed), ("๑๒", "THB", AmountMalformed), ("1\n", "THB", AmountMalformed),
        (Decimal("NaN"), "THB", AmountMalformed), (Decimal("-Infinity"), "THB", AmountMalformed),
        (Decimal("1E+400"), "THB", AmountOutOfRange), (Decimal("1E-400"), "THB", AmountNotExact),
    ],
)  # fmt: skip
def test_what_is_not_exactly_an_amount_is_refused(text, code, error):
    with pytest.raises(error):
        Money.from_decimal(text, code)


def test_a_float_is_never_an_amount():
    with pytest.raises(TypeError):
        Money.from_decimal(1.1, "THB")


def test_amounts_must_fit_bigint():
    assert Money(MAX_MINOR, "THB").amount_minor == 2**63 - 1
    for amount in (MAX_MINOR + 1, -MAX_MINOR - 1):
        with pytest.raises(AmountOutOfRange):
            Money(amount, "THB")
    with pytest.raises(AmountOutOfRange):
        Money(MAX_MINOR, "THB") + Money(1, "THB")


@pytest.mark.parametrize(
    ("money", "text"),
    [(Money(123456789, "THB"), "1,234,567.89 THB"), (Money(-5, "THB"), "-0.05 THB"),
     (Money(1500, "JPY"), "1,500 JPY"),
     (Money(-1500000, "JPY"), "-1,500,000 JPY"), (Money(1001, "KWD"), "1.001 KWD"),
     (Money(0, "CLF"), "0.0000 CLF")],
)  # fmt: skip
def test_people_read_the_amount_with_all_digits_of_its_currency(money, text):
    assert money.format() == str(money) == text


@given(minors, minors, codes)
def test_sums_differences_and_order_are_those_of_the_integers(a, b, code):
    one, two = Money(a, code), Money(b, code)
    if abs(a + b) <= MAX_MINOR:
        assert (one + two).amount_minor == a + b
    if abs(a - b) <= MAX_MINOR:
        assert (one - two).amount_minor == a - b
    assert (-one).amount_minor == -a
    assert (one < two, one <= two, one > two, one >= two) == (a < b, a <= b, a > b, a >= b)
    assert (one == two) == (a == b)


@pytest.mark.parametrize("operate", [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a > b,
    lambda a, b: a >= b,
])  # fmt: skip
def test_currencies_do_not_mix(operate):
    with pytest.raises(CurrencyMismatch):
        operate(Money(1, "THB"), Money(1, "JPY"))
    with pytest.raises(TypeError):
        operate(Money(1, "THB"), 1)


def test_equal_money_is_equal_and_hashes_alike_and_currencies_differ():
    assert Money(1, "THB") == Money(1, "THB")
    assert len({Money(1, "THB"), Money(1, "THB"), Money(1, "JPY")}) == 2
    assert Money.zero("THB") != Money.zero("JPY")


@pytest.mark.parametrize("value", [Decimal("1" * 5000), Decimal("0." + "1" * 5000), Decimal("1E+999999")])
def test_numbers_that_nobody_means_are_out_of_range(value):
    with pytest.raises(AmountOutOfRange):
        Money.from_decimal(value, "THB")


def test_money_does_not_change():
    with pytest.raises(AttributeError):
        Money(1, "THB").amount_minor = 2


def test_a_quantity_multiplies_and_a_fraction_does_not():
    assert Money(1250, "THB") * 3 == Money(3750, "THB")
    with pytest.raises(TypeError):
        Money(1250, "THB") * 1.5


@given(moneys, st.lists(st.integers(0, 10**12), min_size=1, max_size=40).filter(any))
def test_shares_sum_exactly_and_are_within_one_unit_of_fair(money, weights):
    shares = money.allocate(weights)
    assert sum(share.amount_minor for share in shares) == money.amount_minor
    total = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share.amount_minor * total - money.amount_minor * weight) < total
        assert weight or share.amount_minor == 0


@given(st.integers(-(10**12), 10**12), st.integers(1, 50))
def test_even_shares_differ_by_at_most_one_unit_and_the_earlier_are_larger(amount, parts):
    shares = [abs(share.amount_minor) for share in Money(amount, "THB").allocate([1] * parts)]
    assert shares == sorted(shares, reverse=True)
    assert max(shares) - min(shares) <= 1


def test_the_leftover_goes_to_the_largest_remainder():
    assert [share.amount_minor for share in Money(100, "THB").allocate([1, 1, 1])] == [34, 33, 33]
    assert [share.amount_minor for share in Money(10, "THB").allocate([1, 5, 1])] == [2, 7, 1]
    assert [share.amount_minor for share in Money(-100, "THB").allocate([1, 1, 1])] == [-34, -33, -33]


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [-1, 3]])
def test_shares_need_weights(weights):
    with pytest.raises(ValueError, match="weights"):
        Money(100, "THB").allocate(weights)


@given(st.integers(0, 10**15), st.integers(1, 10**6), st.sampled_from(Rounding))
def test_rounding_is_that_of_decimal_arithmetic(numerator, denominator, rounding):
    with localcontext(prec=60):
        expected = (Decimal(numerator) / denominator).quantize(Decimal(1), rounding=DECIMAL_MODES[rounding])
    assert divide(numerator, denominator, rounding=rounding) == expected


@given(st.integers(-(10**12), 10**12), st.integers(-20_000, 20_000), st.sampled_from(Rounding))
def test_a_percentage_is_rounded_as_asked_and_mirrors_around_zero(amount, basis_points, rounding):
    exact = Decimal(amount) * basis_points / 10_000
    share = Money(amount, "THB").percentage(basis_points, rounding=rounding)
    assert share.amount_minor == exact.quantize(Decimal(1), rounding=DECIMAL_MODES[rounding])
    assert Money(-amount, "THB").percentage(basis_points, rounding=rounding) == -share


@pytest.mark.parametrize(
    ("amount", "rate", "fee", "vat", "net"),
    [(156000, 165, 2574, 180, 153246), (12345, 365, 451, 32, 11862)],
)
def test_provider_fees_with_tax_come_out_as_published(amount, rate, fee, vat, net):
    charge = Money(amount, "THB")
    charged = charge.percentage(rate, rounding=Rounding.HALF_UP)
    tax = charged.percentage(700, rounding=Rounding.HALF_UP)
    assert (charged.amount_minor, tax.amount_minor, (charge - charged - tax).amount_minor) == (fee, vat, net)
