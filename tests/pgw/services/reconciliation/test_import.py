"""Taking a statement in ..."""

import pytest

from mpac.pgw.db import atomic
from mpac.pgw.domain.statements.profiles import declared_profile
from mpac.pgw.errors import StatementBusy, StatementDoesNotAddUp, StatementProfileChanged
from mpac.pgw.models import StatementLine
from mpac.pgw.services import reconciliation, statement_import
from tests.pgw.conftest import SCOPE
from tests.pgw.services.reconciliation.conftest import LAYOUT

pytestmark = pytest.mark.usefixtures("mirrored", "healthy")


@pytest.fixture
def small(monkeypatch):
    """Batches of ten lines."""
    monkeypatch.setattr(statement_import, "BATCH", 10)


def many(statements, count=35):
    return [statements.line(reference=f"REF{number}") for number in range(count)]


def test_twice_changes_nothing(statements):
    first = statements.take(*many(statements))
    again = statements.take(*many(statements), name="renamed.csv", imported_by="user:2")
    assert (first.pk, first.version) == (again.pk, again.version)
    assert (len(statements.lines()), len(statements.exceptions())) == (35, 35)


def test_counts_what_it_read(statements):
    file = statements.take(*many(statements), statements.line("fee"))
    assert (file.status, file.lines_total, file.stored_up_to, file.compared_up_to) == (
        "reconciled",
        37,
        37,
        37,
    )
    assert file.report["read"] == {"payment": 35, "fee": 1}
    assert (file.starts_at, file.finished_at) == (statements.now, statements.now)
    assert [line.number for line in statements.lines()] == list(range(2, 38))
    assert {line.created_at for line in statements.lines()} == {file.created_at}


def test_tells_its_progress(statements, small):
    told = []
    statements.take(*many(statements), progress=lambda *each: told.append(each))
    assert [what for what, _, _ in told] == ["reading"] * 3 + ["storing"] * 4 + ["comparing"] * 4
    assert told[3:5] == [("storing", 11, 36), ("storing", 21, 36)]


@pytest.mark.parametrize("stop", range(1, 9))
def test_goes_on_where_it_was_cut_off(statements, small, stop):
    class Killed(BaseException):
        pass

    def kill(what, done, total):
        nonlocal stop
        stop -= what != "reading"
        if stop == 0:
            raise Killed

    with pytest.raises(Killed):
        statements.take(*many(statements), progress=kill)
    file = statements.take(*many(statements))
    assert (file.status, file.report["outcomes"]) == ("reconciled", {"missing_in_mpac": 35})
    assert [line.number for line in statements.lines()] == list(range(2, 37))
    assert len(statements.exceptions()) == 35


@pytest.mark.parametrize(
    "step", ["_compare", "settle_found", "open_exceptions", "recheck_waiting", "_find_untold"]
)
def test_goes_on_where_a_comparison_was_cut_off(statements, small, monkeypatch, step):
    def fail(*args, **kwargs):
        raise RuntimeError(step)

    with monkeypatch.context() as patch:
        patch.setattr(reconciliation, step, fail)
        with pytest.raises(RuntimeError):
            statements.take(*many(statements))
    file = statements.take(*many(statements))
    assert (file.status, len(statements.exceptions())) == ("reconciled", 35)
    assert file.report["outcomes"] == {"missing_in_mpac": 35}


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        (b"reference,key\nA,B\n", [(1, "column_missing")]),
        (b"", [(1, "empty")]),
        (b"\xff\xfe\x00", [(1, "wide_encoding")]),
    ],
)
def test_of_a_file_that_is_none_is_refused(statements, content, faults):
    file = statements.read(content)
    assert (file.status, [(each["line"], each["code"]) for each in file.faults]) == ("rejected", faults)


def test_of_a_file_with_a_faulty_line_takes_nothing_and_names_every_such_line(statements, small):
    lines = many(statements)
    lines[20]["amount"] = "=1+1"
    lines[30]["currency"] = "XXX1"
    file = statements.take(*lines)
    assert (file.status, statements.lines(), statements.exceptions()) == ("rejected", [], [])
    assert [(each["line"], each["code"]) for each in file.faults] == [(22, "amount"), (32, "currency")]


def test_of_a_file_full_of_faults_stops_counting_them(statements, monkeypatch):
    monkeypatch.setattr(statement_import, "MAX_FAULTS", 10)
    file = statements.take(*[line | {"amount": "?"} for line in many(statements)])
    assert len(file.faults) == 10


def test_of_a_file_without_lines_is_refused(statements):
    assert statements.take().faults == [
        {"line": 1, "code": "no_lines", "message": "there is a header and nothing else"}
    ]


def test_of_a_rejected_file_works_with_a_better_profile(statements):
    lines = [line | {"kind": "sale"} for line in many(statements)]
    rejected = statements.take(*lines)
    file = statements.take(*lines, profile=declared_profile(LAYOUT + 'sale = "payment"\n'))
    assert (rejected.pk, rejected.status) == (file.pk, "rejected")
    assert (file.status, file.faults, len(statements.lines())) == ("reconciled", [], 35)


def test_by_two_runs_at_once_is_done_by_one(statements, small):
    def meddle(what, done, total):
        if what == "storing" and done == 11:
            statements.take(*many(statements))

    with pytest.raises(StatementBusy):
        statements.take(*many(statements), progress=meddle)
    assert len(statements.lines()) == len(statements.exceptions()) == 35


def test_leaves_out_what_moved_no_money(statements):
    profile = declared_profile(LAYOUT + 'failed = "ignored"\n')
    file = statements.take(*many(statements, 1), statements.line("failed", reference="X"), profile=profile)
    assert (len(statements.lines()), file.report["read"]) == (1, {"payment": 1, "ignored": 1})
    assert file.stored_up_to == 3


def cut_off(statements, *, after):
    """A run that dies after so many lines are stored."""

    class Killed(BaseException):
        pass

    def kill(what, done, total):
        if what == "storing" and done >= after:
            raise Killed

    with pytest.raises(Killed):
        statements.take(*many(statements), progress=kill)


def test_goes_on_by_no_other_profile_than_it_began_with(statements, small):
    cut_off(statements, after=11)
    with pytest.raises(StatementProfileChanged):
        statements.take(*many(statements), profile=statements.profile.adjusted(time_zone="Asia/Bangkok"))
    assert len(statements.lines()) == 10
    assert statements.take(*many(statements)).report["outcomes"] == {"missing_in_mpac": 35}


def test_adds_up_what_it_read_and_what_became_of_it(statements, small):
    lines = [
        *many(statements, 12),
        statements.line("fee", amount="-3.00", currency="JPY", fee="", net="-300"),
    ]
    file = statements.take(
        *lines, profile=declared_profile(LAYOUT.replace('sign = "kind"', 'sign = "signed"'))
    )
    assert file.report["totals"] == [
        {
            "kind": kind,
            "currency": currency,
            "settled_currency": currency,
            "lines": count,
            "amount_minor": amount,
            "fee_minor": 0,
            "net_minor": net,
        }
        for kind, currency, count, amount, net in [
            ("fee", "JPY", 1, -3, -300),
            ("payment", "THB", 12, 12 * 12550, 0),
        ]
    ]
    assert [(each["outcome"], each["lines"], each["amount_minor"]) for each in file.report["sums"]] == [
        ("missing_in_mpac", 12, 12 * 12550),
        ("no_counterpart", 1, -3),
    ]


def test_of_a_file_whose_lines_are_not_those_that_were_read_is_never_reconciled(statements, small):
    def meddle(what, done, total):
        if what == "storing" and done == 31:
            with atomic(SCOPE):
                StatementLine.objects.filter(number=7).update(amount_minor=1)

    with pytest.raises(StatementDoesNotAddUp):
        statements.take(*many(statements), progress=meddle)
    assert [file.status for file in statements.files()] == ["imported"]
