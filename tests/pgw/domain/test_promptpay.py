"""A PromptPay QR says who is paid, how much and for what, and is read whoever wrote it."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from promptpay import qrcode as other_library

from kernel.money import Money
from mpac.pgw.domain import emvco
from mpac.pgw.domain.promptpay import (
    BillPayment,
    CreditTransfer,
    PromptPayError,
    ProxyType,
    decode,
    encode,
    same_payment,
)

VECTORS = {
    vector["desc"]: vector
    for vector in json.loads(Path(__file__).with_name("thai_qr.json").read_text())["thai_qr"]
}
READ = {
    "phone 0801234567 static": CreditTransfer(
        proxy_type=ProxyType.MOBILE, proxy="0066801234567", dynamic=False
    ),
    "national id 1111111111111 static": CreditTransfer(
        proxy_type=ProxyType.NATIONAL_ID, proxy="1111111111111", dynamic=False
    ),
    "e-wallet 012345678901234 static": CreditTransfer(
        proxy_type=ProxyType.E_WALLET, proxy="012345678901234", dynamic=False
    ),
    "phone static 100.00": CreditTransfer(
        proxy_type=ProxyType.MOBILE, proxy="0066000000000", dynamic=False, amount=Money(100_00, "THB")
    ),
    "bill payment ref1+ref2, no amount": BillPayment(
        biller_id="0000000000001", reference1="1234", reference2="2345", dynamic=False
    ),
    "bill payment 100.35": BillPayment(
        biller_id="0000000000001",
        reference1="6300002",
        reference2="121214564541",
        dynamic=False,
        amount=Money(100_35, "THB"),
    ),
    "dynamic tag 30, 15-digit biller, 62/07 SCB": BillPayment(
        biller_id="123456789012345",
        reference1="REFERENCE1",
        reference2="REFERENCE2",
        amount=Money(1_00, "THB"),
        terminal_label="SCB",
        mcc="7011",
        merchant_city="BANGKOK",
    ),
    "phone 0812345678 dynamic 100.00": CreditTransfer(
        proxy_type=ProxyType.MOBILE, proxy="0066812345678", amount=Money(100_00, "THB")
    ),
}
SALE = BillPayment(
    biller_id="123456789012345",
    reference1="SALE1",
    reference2="S1",
    amount=Money(125_50, "THB"),
    terminal_label="SCB",
)

digits = st.text("0123456789", min_size=9, max_size=9)
references = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=20)
labels = st.none() | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=15)
common = {
    "amount": st.none() | st.integers(1, 10**12 - 1).map(lambda minor: Money(minor, "THB")),
    "dynamic": st.booleans(),
    "terminal_label": labels,
    "mcc": st.none() | st.from_regex(r"[0-9]{4}", fullmatch=True),
    "merchant_name": labels,
    "merchant_city": labels,
}
bills = st.builds(
    BillPayment,
    biller_id=st.from_regex(r"[0-9]{13}([0-9]{2})?", fullmatch=True),
    reference1=references,
    reference2=st.none() | references,
    cross_border=st.booleans(),
    **common,
)
transfers = st.one_of(
    *(
        st.builds(
            CreditTransfer, proxy_type=st.just(kind), proxy=st.from_regex(form, fullmatch=True), **common
        )
        for kind, form in (
            (ProxyType.MOBILE, r"0066[0-9]{9}"),
            (ProxyType.NATIONAL_ID, r"[0-9]{13}"),
            (ProxyType.E_WALLET, r"[0-9]{15}"),
            (ProxyType.BANK_ACCOUNT, r"[0-9]{4,43}"),
        )
    )
)


def payload(**parts):
    """A bill payment's payload with objects replaced, or left out with None."""
    objects = {
        "00": "01",
        "01": "12",
        "30": "0016A00000067701011201151234567890123450202R1",
        "53": "764",
        "54": "1.00",
        "58": "TH",
    } | {tag.removeprefix("t"): value for tag, value in parts.items()}
    return emvco.encode({tag: value for tag, value in objects.items() if value is not None})


def test_every_collected_payload_is_expected_here():
    assert VECTORS.keys() == READ.keys()


@pytest.mark.parametrize("name", VECTORS)
def test_the_collected_payloads_are_understood(name):
    assert decode(VECTORS[name]["payload"]) == READ[name]


@pytest.mark.parametrize("name", VECTORS)
def test_our_own_payload_says_the_same_as_the_collected_one(name):
    ours, theirs = emvco.decode(encode(READ[name])), dict(VECTORS[name]["tags"])
    assert {**ours, "63": ""} == {**theirs, "63": ""}


@pytest.mark.parametrize(
    "name",
    [
        "phone static 100.00",
        "bill payment ref1+ref2, no amount",
        "bill payment 100.35",
        "dynamic tag 30, 15-digit biller, 62/07 SCB",
    ],
)
def test_payloads_in_ascending_order_come_out_byte_for_byte(name):
    assert encode(READ[name]) == VECTORS[name]["payload"]


@given(digits, st.none() | st.integers(1, 10**8))
def test_another_library_writes_the_same_objects(number, satang):
    amount = None if satang is None else Money(satang, "THB")
    theirs = other_library.generate_payload(
        f"0{number}", None if amount is None else float(amount.to_decimal())
    )
    ours = encode(
        CreditTransfer(
            proxy_type=ProxyType.MOBILE, proxy=f"0{number}", amount=amount, dynamic=amount is not None
        )
    )
    assert {**emvco.decode(ours), "63": ""} == {**emvco.decode(theirs), "63": ""}
    assert same_payment(decode(theirs), decode(ours))


@given(bills | transfers)
def test_what_was_written_is_read_back(qr):
    assert decode(encode(qr)) == qr


@given(bills, st.randoms(use_true_random=False))
def test_the_order_of_tags_does_not_matter(qr, random):
    objects = emvco.decode(encode(qr))
    middle = [(tag, value) for tag, value in objects.items() if tag not in {"00", "63"}]
    random.shuffle(middle)
    assert decode(emvco.encode({"00": "01", **dict(middle)})) == qr


@pytest.mark.parametrize("dialed", ["0812345678", "+66812345678", "66812345678", "0066812345678"])
def test_a_mobile_number_may_be_given_as_dialed(dialed):
    assert decode(encode(CreditTransfer(proxy_type=ProxyType.MOBILE, proxy=dialed))).proxy == "0066812345678"


@pytest.mark.parametrize(
    ("text", "minor"), [("1", 100), ("1.", 100), ("1.5", 150), ("0.01", 1), ("9999999999.99", 999999999999)]
)
def test_amounts_are_read_exactly(text, minor):
    assert decode(payload(t54=text)).amount == Money(minor, "THB")


@given(st.integers(1, 10**12 - 1))
def test_amounts_are_written_with_two_digits(minor):
    text = emvco.decode(encode(replace(SALE, amount=Money(minor, "THB"))))["54"]
    assert Decimal(text) * 100 == minor
    assert text[-3] == "."


@pytest.mark.parametrize(
    "change",
    [
        {"amount": Money(0, "THB")},
        {"amount": Money(-100, "THB")},
        {"amount": Money(100, "JPY")},
        {"amount": Money(10**13, "THB")},
        {"biller_id": "12345678901234"},
        {"biller_id": "12345678901234๕"},
        {"reference1": ""},
        {"reference1": "lower"},
        {"reference1": "A B"},
        {"reference1": "A" * 21},
        {"reference1": "OK\n"},
        {"reference2": ""},
        {"terminal_label": ""},
        {"terminal_label": "x" * 26},
        {"mcc": "123"},
        {"merchant_name": "x" * 26},
        {"merchant_city": "x" * 16},
        {"merchant_name": "ร้าน"},
    ],
)
def test_what_the_standard_does_not_allow_is_not_written(change):
    with pytest.raises(PromptPayError):
        encode(replace(SALE, **change))


@pytest.mark.parametrize(
    ("kind", "proxy"),
    [
        (ProxyType.MOBILE, "812345678"),
        (ProxyType.MOBILE, "08123456789"),
        (ProxyType.MOBILE, "0066812345678901"),
        (ProxyType.NATIONAL_ID, "111111111111"),
        (ProxyType.NATIONAL_ID, "111111111111a"),
        (ProxyType.E_WALLET, "11111111111111"),
        (ProxyType.BANK_ACCOUNT, "014"),
        (ProxyType.BANK_ACCOUNT, "0" * 44),
    ],
)
def test_a_proxy_has_the_form_of_its_type(kind, proxy):
    with pytest.raises(PromptPayError):
        encode(CreditTransfer(proxy_type=kind, proxy=proxy))


@pytest.mark.parametrize(
    "parts",
    [
        {"t54": "0.00"},
        {"t54": "-1.00"},
        {"t54": "1.001"},
        {"t54": "1,00"},
        {"t54": "1e3"},
        {"t54": "NaN"},
        {"t54": "12345678901.00"},
        {"t54": ".50"},
        {"t53": "392"},
        {"t53": None},
        {"t58": "JP"},
        {"t58": None},
        {"t01": "13"},
        {"t01": None},
        {"t30": None},
        {"t30": "0016A00000067701011301151234567890123450202R1"},  # another application
        {"t30": "01151234567890123450202R1"},  # no application
        {"t30": "0016A0000006770101120115123456789012345"},  # no reference
        {"t30": "0016A000000677010112011412345678901234" + "0202R1"},  # 14 digits
        {"t30": "0016A00000067701011201151234567890123450202r1"},  # lower case
        {"t30": "0016A00000067701011201151234567890123450202R10202R2"},  # a reference twice
        {"t30": "0016A000000677010112011512345678901234502"},  # cut off
        {"t30": None, "t29": "0016A000000677010111"},  # no proxy
        {"t30": None, "t29": "0016A000000677010114" + "01130066812345678"},  # shown by the customer
        {"t30": None, "t29": "0016A00000067701011101130066812345678" + "02131111111111111"},  # two proxies
        {"t30": None, "t29": "0016A00000067701011101130812345678000"},  # not an international number
        {"t62": "07"},
    ],
)
def test_a_payload_that_is_not_promptpay_is_refused(parts):
    with pytest.raises(PromptPayError):
        decode(payload(**parts))


@pytest.mark.parametrize("text", ["", "hello", VECTORS["bill payment 100.35"]["payload"][:-1] + "0"])
def test_a_broken_envelope_is_refused_in_the_same_way(text):
    with pytest.raises(PromptPayError):
        decode(text)


def test_of_two_templates_the_bill_payment_is_read():
    both = payload(t29="0016A00000067701011101130066812345678")
    assert isinstance(decode(both), BillPayment)


def test_tags_that_we_do_not_use_are_ignored():
    assert decode(payload(t31="0016A0000006770101130102AB", t61="10110", t80="00040000")).amount == Money(
        100, "THB"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"amount": Money(125_51, "THB")},
        {"amount": None},
        {"biller_id": "123456789012346"},
        {"reference1": "SALE2"},
        {"reference2": "S2"},
        {"reference2": None},
        {"cross_border": True},
    ],
)
def test_a_qr_that_moves_other_money_is_another_payment(change):
    assert not same_payment(SALE, replace(SALE, **change))


def test_labels_do_not_make_it_another_payment():
    assert same_payment(
        SALE, replace(SALE, terminal_label=None, merchant_city="BANGKOK", mcc="5812", dynamic=False)
    )
    assert not same_payment(
        SALE, CreditTransfer(proxy_type=ProxyType.MOBILE, proxy="0812345678", amount=SALE.amount)
    )
