"""The invariants ..."""

from io import StringIO

from django.core.management import call_command

from config.invariants import all_invariants


def test_hold_on_an_empty_platform(database):
    assert {each.name: each.offending() for each in all_invariants() if each.offending()} == {}


def test_cover_the_promises_whose_tables_exist():
    assert {each.code for each in all_invariants()} == {
        "I2",
        "I3",
        "I4",
        "I5",
        "I6",
        "I7",
        "I9",
        "I10",
        "I11",
        "I13",
        "I14",
        "I16",
    }


def test_are_listed_by_the_command(database):
    out = StringIO()
    call_command("check_invariants", stdout=out)
    assert out.getvalue().endswith("invariants, 0 broken.\n")
