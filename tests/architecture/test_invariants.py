"""The invariants ..."""

from io import StringIO

import pytest
from django.core.management import call_command

from config.invariants import all_invariants


def test_hold_on_an_empty_platform(database):
    assert {each.name: each.offending() for each in all_invariants() if each.offending()} == {}


def test_cover_the_promises_whose_tables_exist(settings):
    settings.MPAC_ENV = "local"
    assert {each.code for each in all_invariants()} == {
        "I2",
        "I3",
        "I4",
        "I5",
        "I6",
        "I7",
        "I8",
        "I9",
        "I10",
        "I11",
        "I13",
        "I14",
        "I15",
        "I16",
    }


@pytest.mark.parametrize("environment", ["production", "staging", ""])
def test_ask_no_bank_but_the_simulated_one_for_its_books(settings, environment):
    settings.MPAC_ENV = environment
    assert "I8" not in {each.code for each in all_invariants()}


def test_do_not_call_it_healthy_when_the_simulator_is_away(database, settings):
    settings.MPAC_ENV, settings.MPAC_SIMULATOR_URL = "local", "http://127.0.0.1:9"
    [rows] = [each.offending() for each in all_invariants() if each.code == "I8"]
    assert rows[0][0] == "the simulator could not be asked"


def test_are_listed_by_the_command(database):
    out = StringIO()
    call_command("check_invariants", stdout=out)
    assert out.getvalue().endswith("invariants, 0 broken.\n")
