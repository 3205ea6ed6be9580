"""A file that is not what it should be ..."""

import gzip
import io

import pytest

from mpac.pgw.domain.statements import reading
from mpac.pgw.domain.statements.lines import FileFault
from mpac.pgw.domain.statements.profiles import PROFILES
from mpac.pgw.domain.statements.reading import MAX_LINE_BYTES, read_rows
from tests.pgw.domain.statements.test_layouts import KBANK, PAYPAY

HEADER, GOOD = KBANK.splitlines(keepends=True)[:2]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", [(1, "empty")]),
        (b"\n\n\n", [(1, "no_header")]),
        (b"PK\x03\x04 this is a spreadsheet\x00", [(1, "zip")]),
        (HEADER.encode() + b"KB1\x00,", [(2, "nul")]),
        (HEADER.encode() + "KB1,KEYé".encode("latin-1") + b"\n", [(2, "encoding")]),
        (HEADER.encode("utf-16"), [(1, "wide_encoding")]),
        (HEADER.encode() + b"A" * (MAX_LINE_BYTES + 1), [(2, "line_too_long")]),
        (HEADER.encode() + b'"' + b"A" * 60_000 + b"\n" + (b"B" * 60_000 + b"\n") * 3, [(4, "not_csv")]),
        (HEADER.encode() + b'KB1,"never closed\n' * 1, [(2, "not_csv")]),
        (HEADER.encode() + b'KB1,"a"b\n', [(2, "not_csv")]),
        (b"," * 300 + b"\n", [(1, "too_many_columns")]),
        (HEADER.encode() + b"," * 300 + b"\n", [(2, "too_many_columns")]),
        (b"<html><body>Please sign in</body></html>\n", [(1, "column_missing")]),
        (HEADER.replace("txnNo", "txnno").encode(), [(1, "column_missing")]),
        (HEADER.replace("txnStatus", "txnAmount").encode(), [(1, "column_missing")]),
        (HEADER.replace("\n", ",txnAmount\n").encode(), [(1, "column_twice")]),
        ((HEADER + GOOD + HEADER + GOOD).encode(), [(3, "header_again")]),
        (b"A" * 10_000_000, [(1, "line_too_long")]),
    ],
)
def test_is_refused_with_the_line_and_the_reason(read, content, found):
    assert read.faults(content, "kbank") == found


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ("KB1,KEY1", "columns"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,1.00,THB,,,2026-11-21,more", "columns"),
        (",KEY1,2026-11-20 12:00:00,PAID,1.00,THB,,,", "reference_missing"),
        ("=1+1,KEY1,2026-11-20 12:00:00,PAID,1.00,THB,,,", "formula"),
        ('"=""12345""",KEY1,2026-11-20 12:00:00,PAID,1.00,THB,,,', "formula"),
        ("@SUM(A1),KEY1,2026-11-20 12:00:00,PAID,1.00,THB,,,", "formula"),
        ("KB1,+KEY1,2026-11-20 12:00:00,PAID,1.00,THB,,,", "formula"),
        ("KB1;DROP,KEY1,2026-11-20 12:00:00,PAID,1.00,THB,,,", "reference"),
        ("\uff2b\uff22\uff11,KEY1,2026-11-20 12:00:00,PAID,1.00,THB,,,", "reference"),
        (f"{'K' * 256},KEY1,2026-11-20 12:00:00,PAID,1.00,THB,,,", "reference_too_long"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,=1+1,THB,,,", "amount"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,1e5,THB,,,", "amount"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,NaN,THB,,,", "amount"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,1.,THB,,,", "amount"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,\uff11.00,THB,,,", "amount"),
        ('KB1,KEY1,2026-11-20 12:00:00,PAID,"1,000.00",THB,,,', "amount"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,(1.00),THB,,,", "amount"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,1.00-,THB,,,", "amount"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,1.005,THB,,,", "amount_not_exact"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,99999999999999999999,THB,,,", "amount_too_large"),
        (f"KB1,KEY1,2026-11-20 12:00:00,PAID,{'9' * 5000},THB,,,", "amount_too_large"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,1.00,BAHT,,,", "currency"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAID,1.00,,,,", "currency"),
        ("KB1,KEY1,20/11/2026,PAID,1.00,THB,,,", "instant"),
        ("KB1,KEY1,0001-01-01 00:00:00,PAID,1.00,THB,,,", "instant"),
        ("KB1,KEY1,2026-11-20 12:00:00,PAYED,1.00,THB,,,", "kind"),
    ],
)
def test_has_each_of_its_faulty_lines_named(read, cells, code):
    assert read.faults(HEADER + GOOD + cells + "\n" + GOOD + cells + "\n", "kbank") == [(3, code), (5, code)]


def test_that_says_a_refund_brings_money_is_not_believed(read):
    assert read.faults(PAYPAY.replace("-333", "333"), "paypay") == [(3, "direction")]


def test_is_read_when_it_is_compressed(read):
    packed = gzip.compress(KBANK.encode())
    assert read.lines(packed, "kbank") == read.lines(KBANK, "kbank")


@pytest.mark.parametrize("keep", [10, 40, -1, -9])
def test_that_is_compressed_and_cut_off_or_damaged_is_refused(read, keep):
    packed = gzip.compress((HEADER + GOOD * 50).encode())
    [(_, code)] = read.faults(packed[:keep], "kbank")
    assert code == "gzip"


def test_that_unpacks_to_very_much_is_read_no_further_than_one_line():
    bomb = gzip.compress(b"A" * 50_000_000)
    with pytest.raises(FileFault, match="longer than"):
        list(read_rows(io.BytesIO(bomb), encoding="utf-8"))


def test_repeats_no_cell_that_a_terminal_would_act_on(read):
    [fault] = read.all(HEADER + "KB1,\x1b[31m" + "A" * 100 + ",,,,,,,\n", "kbank")
    assert "\x1b" not in fault.message
    assert len(fault.message) < 100


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize(
    "content", [b"", b"\n", b"a,b\n1,2\n", b"\xff\xfe\x00", b'"', gzip.compress(b"x", mtime=0)[:8], b"\r\r\r"]
)
def test_is_refused_by_every_profile(read, profile, content):
    [(line, _)] = read.faults(content, profile)
    assert line >= 1


def test_that_begins_in_one_encoding_and_should_be_another_is_refused(read):
    profile = PROFILES["kbank"].adjusted(encoding="cp874")
    assert read.faults(b"\xef\xbb\xbf" + KBANK.encode(), profile) == [(1, "encoding")]


def test_that_unpacks_without_end_is_refused(read, monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 1_000_000)
    assert read.faults(gzip.compress(HEADER.encode() + b"\n" * 2_000_000), "kbank")[0][1] == "too_large"
