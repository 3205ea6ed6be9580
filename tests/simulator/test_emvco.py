"""The bank's reading and writing of bill payment codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.emvco import (
    BillPaymentQr,
    QrMalformed,
    checksum,
    format_baht,
    parse_baht,
    read_bill_payment,
    write_bill_payment,
)

REFERENCES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=20)
CODES = st.builds(
    BillPaymentQr,
    biller_id=st.text("0123456789", min_size=15, max_size=15),
    reference1=REFERENCES,
    reference2=st.just("") | REFERENCES,
    reference3=st.just("") | REFERENCES,
    amount=st.none() | st.integers(1, 10**12 - 1),
)


@pytest.mark.parametrize(("text", "crc"), [("123456789", "29B1"), ("", "FFFF"), ("A", "B915")])
def test_checksum_has_the_published_check_values(text: str, crc: str) -> None:
    assert checksum(text) == crc


# Published in open implementations and bank documents.
WITHOUT_AMOUNT = "00020101021130530016A00000067701011201130000000000001020412340304234553037645802TH6304E5DA"
WITH_AMOUNT = (
    "00020101021130640016A0000006770101120113000000000000102076300002031212121456454153037645406100.35"
    "5802TH63043ACE"
)
OF_SCB = (
    "00020101021230670016A00000067701011201151234567890123450210REFERENCE10310REFERENCE252047011530376454041.00"
    "5802TH6007BANGKOK62070703SCB6304CE18"
)


@pytest.mark.parametrize(
    ("payload", "qr"),
    [
        (WITHOUT_AMOUNT, ("0000000000001", "1234", "2345", "", None)),
        (WITH_AMOUNT, ("0000000000001", "6300002", "121214564541", "", 10035)),
        (OF_SCB, ("123456789012345", "REFERENCE1", "REFERENCE2", "SCB", 100)),
    ],
)
def test_published_codes_are_read(payload: str, qr: tuple[str, str, str, str, int | None]) -> None:
    read = read_bill_payment(payload)
    assert (read.biller_id, read.reference1, read.reference2, read.reference3, read.amount) == qr


@given(CODES)
def test_what_is_written_is_read_back(qr: BillPaymentQr) -> None:
    assert read_bill_payment(write_bill_payment(qr)) == qr


@given(CODES, st.data())
def test_one_changed_character_breaks_a_code(qr: BillPaymentQr, data: st.DataObject) -> None:
    payload = write_bill_payment(qr)
    at = data.draw(st.integers(0, len(payload) - 1))
    other = data.draw(st.sampled_from("0123456789AZ").filter(lambda new: new != payload[at]))
    with pytest.raises(QrMalformed):
        read_bill_payment(payload[:at] + other + payload[at + 1 :])


def _sealed(text: str) -> str:
    return text + "6304" + checksum(text + "6304")


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "6304",
        "00020101021129370016A000000677010111011300668999911115802TH53037645405500.006304EE88",
        "00020101021129370016A000000677010111011300668012345675802TH530376463046197",  # no bill payment
        _sealed("000201"),
        _sealed("010212000201"),  # 00 is not first
        _sealed("0002010102120102125802TH"),  # a tag twice
        _sealed("00020153035802TH99"),  # a length that does not fit
        _sealed("000201" + "30330016A00000067701011201130000000000001" + "5303392" + "5802JP"),
        _sealed(
            "000201" + "30330016A00000067701011201130000000000001" + "5303764" + "5802TH"
        ),  # no reference
        _sealed("0002015³0376"),
    ],
)
def test_a_broken_code_is_refused(payload: str) -> None:
    with pytest.raises(QrMalformed):
        read_bill_payment(payload)


@pytest.mark.parametrize(
    ("text", "amount"), [("1", 100), ("1.5", 150), ("0.01", 1), ("9999999999.99", 999999999999)]
)
def test_amounts_are_read_exactly(text: str, amount: int) -> None:
    assert parse_baht(text) == amount


@pytest.mark.parametrize(
    "text", ["", "0", "0.00", "-1", "1.", ".5", "1.005", "1,00", "1e3", "٣", "10000000000", " 1"]
)
def test_no_amount_is_guessed(text: str) -> None:
    with pytest.raises(QrMalformed):
        parse_baht(text)


def test_amounts_are_written_with_two_decimals() -> None:
    assert [format_baht(amount) for amount in (1, 50, 100, 12550)] == ["0.01", "0.50", "1.00", "125.50"]
