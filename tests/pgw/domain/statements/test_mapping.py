"""A declared layout ..."""

import datetime as dt

import pytest

from mpac.pgw.domain.statements.fees import FeeRule
from mpac.pgw.domain.statements.lines import LineKind
from mpac.pgw.domain.statements.mapping import MappingMalformed

BANK = """
name = "a-bank"
provider = "scb"
encoding = "cp874"
delimiter = ";"
skip_lines = 2
footers = ["รวม"]
date_formats = ["%d/%m/%Y %H:%M"]
buddhist_years = true
time_zone = "Asia/Bangkok"
thousands = ","
sign = "word"
credit_words = ["ฝาก"]
debit_words = ["ถอน"]
currency = "THB"
fee_is_negative = true
[columns]
reference = ["เลขที่"]
our_reference = ["Ref1"]
occurred_at = ["วันที่", "เวลา"]
amount = "จำนวนเงิน"
direction = "รายการ"
fee = ["ค่าธรรมเนียม"]
[fee]
rate_ppm = 16500
tax_ppm = 70000
"""
FILE = (
    "ธนาคาร\nบัญชี 123\n"
    "เลขที่;Ref1;วันที่;เวลา;รายการ;จำนวนเงิน;ค่าธรรมเนียม\n"
    "T1;KEY1;29/02/2567;09:15;ฝาก;1,560.00;-27.54\n"
    "T2;KEY2;20/11/2569;23:59;ถอน;12.50;\n"
    "รวม;;;;;1,572.50;\n"
).encode("cp874")
SMALL = 'name = "b"\nprovider = "b"\ncurrency = "THB"\n[columns]\nreference = ["id"]\noccurred_at = ["at"]\namount = "amount"\n'


def test_reads_a_banks_own_manner(read):
    paid, given = read.lines(FILE, read.declared(BANK))
    assert (paid.kind, paid.reference, paid.our_reference) == (LineKind.PAYMENT, "T1", "KEY1")
    assert (paid.amount_minor, paid.fee_minor, paid.expected_fee_minor) == (156000, 2754, 2754)
    assert paid.occurred_at == dt.datetime(2024, 2, 29, 2, 15, tzinfo=dt.UTC)
    assert (given.kind, given.amount_minor, given.fee_minor) == (LineKind.REFUND, -1250, None)
    assert (given.number, given.expected_fee_minor) == (5, None)


def test_counts_minor_units_where_it_says_so(read):
    profile = read.declared('amounts = "minor"\n' + SMALL)
    [line] = read.lines("id,at,amount\nA,2026-11-20T00:00:00Z,-5\n", profile)
    assert (line.amount_minor, line.kind) == (-5, LineKind.REFUND)
    assert read.faults("id,at,amount\nA,2026-11-20T00:00:00Z,5.0\n", profile) == [(2, "amount")]


def test_extends_one_of_ours_with_what_a_contract_changes(read):
    profile = read.declared(
        'extends = "kbank"\ndate_formats = ["%d/%m/%Y"]\n[columns]\nreference = ["No"]\n[kinds]\nOK = "payment"\n'
        "[fee]\nrate_ppm = 8000\ntolerance_minor = 1\n"
    )
    [line] = read.lines(
        "No,partnerTxnUid,txnDateTime,txnStatus,txnAmount,txnCurrencyCode\nX,KEY,20/11/2026,OK,100.00,THB\n",
        profile,
    )
    assert (line.reference, line.expected_fee_minor) == ("X", 80)
    assert line.occurred_at == dt.datetime(2026, 11, 19, 17, tzinfo=dt.UTC)
    assert (profile.provider, profile.evidence, profile.mapping.kinds["PAID"]) == (
        "kbank",
        True,
        LineKind.PAYMENT,
    )


def test_is_no_evidence_unless_it_says_so(read):
    assert read.declared(SMALL).evidence is False
    assert read.declared("evidence = true\n" + SMALL).evidence is True


@pytest.mark.parametrize(
    ("declaration", "complaint"),
    [
        ("", "missing required field"),
        ("name = ", "Invalid value"),
        (SMALL.replace('reference = ["id"]\n', ""), "columns.reference"),
        (SMALL.replace('occurred_at = ["at"]\n', ""), "columns.occurred_at"),
        (SMALL.replace('currency = "THB"\n', ""), "currency"),
        (SMALL.replace('amount = "amount"\n', ""), "signed"),
        ('sign = "columns"\n' + SMALL, "columns"),
        ('sign = "word"\n' + SMALL, "word"),
        ('sign = "kind"\n' + SMALL, "kind"),
        ('sign = "luck"\n' + SMALL, "luck"),
        ('encoding = "utf-16"\n' + SMALL, "encoding"),
        ('time_zone = "Asia/Nowhere"\n' + SMALL, "time zone"),
        ('thousands = "."\n' + SMALL, "same"),
        ("wrong = 1\n" + SMALL, "wrong"),
        ('extends = "nothing"\n', "nothing"),
        ("date_formats = []\n" + SMALL, "date_formats"),
        (SMALL + "x" * 70_000, "longer"),
    ],
)
def test_that_cannot_be_used_says_why(read, declaration, complaint):
    with pytest.raises(MappingMalformed, match=complaint):
        read.declared(declaration)


@pytest.mark.parametrize(
    ("rule", "amount", "fee"),
    [
        # Omise's published examples: 2574 and 180 of VAT, 451 and 32 of VAT.
        (FeeRule(rate_ppm=16_500, tax_ppm=70_000), 156_000, 2754),
        (FeeRule(rate_ppm=36_500, tax_ppm=70_000), 12_345, 483),
        (FeeRule(rate_ppm=0, fixed_minor=500), 1, 500),
        (FeeRule(rate_ppm=19_800), 1000, 20),
    ],
)
def test_says_what_a_fee_should_be(rule, amount, fee):
    assert rule.fee_minor(amount) == fee


@pytest.mark.parametrize(
    ("negatives", "text", "amount"),
    [
        ("parentheses", "(1,234.50)", -123450),
        ("parentheses", "1,234.50", 123450),
        ("parentheses", "-1.00", -100),
        ("trailing", "1,234.50-", -123450),
        ("trailing", "0.50", 50),
        ("minus", "-1,234.50", -123450),
    ],
)
def test_reads_negative_amounts_as_they_are_written(read, negatives, text, amount):
    profile = read.declared(f'negatives = "{negatives}"\nthousands = ","\n' + SMALL)
    [line] = read.lines(f'id,at,amount\nA,2026-11-20T00:00:00Z,"{text}"\n', profile)
    assert line.amount_minor == amount


@pytest.mark.parametrize(
    "text", ["1,5", "12,34.00", ",100", "1,,000", "(1.00", "1.00)", "--1", "(-1.00)", "1,0000"]
)
def test_refuses_amounts_that_could_mean_two_things(read, text):
    profile = read.declared('negatives = "parentheses"\nthousands = ","\n' + SMALL)
    assert read.faults(f'id,at,amount\nA,2026-11-20T00:00:00Z,"{text}"\n', profile) == [(2, "amount")]
