"""Configuring tax rates."""

import datetime as dt

import pytest
from django.core.management import CommandError, call_command

from kernel.tenancy import SystemScope
from mpac.smarttab.db import atomic
from mpac.smarttab.selectors.taxes import list_rates_ppm

MARCH, OCTOBER = dt.date(2026, 3, 1), dt.date(2026, 10, 1)


def rates(*, on):
    with atomic(SystemScope("seed")):
        return list_rates_ppm(country="TH", codes={"vat"}, on=on)


def test_a_new_rate_ends_the_one_before_it_on_the_same_day(database):
    call_command("add_tax_rate", "th", "vat", "7", "2026-03-01")
    call_command("add_tax_rate", "TH", "vat", "8.25", "2026-10-01")
    assert rates(on=MARCH - dt.timedelta(days=1)) == {}
    assert rates(on=OCTOBER - dt.timedelta(days=1)) == {"vat": 70_000}
    assert rates(on=OCTOBER) == {"vat": 82_500}


def test_a_rate_does_not_begin_before_its_predecessor(database):
    call_command("add_tax_rate", "TH", "vat", "7", "2026-10-01")
    with pytest.raises(CommandError, match="2026-10-01"):
        call_command("add_tax_rate", "TH", "vat", "10", "2026-10-01")


@pytest.mark.parametrize("percent", ["x", "-1", "101", "7.00001", "NaN", "Infinity"])
def test_only_exact_percentages_are_rates(database, percent):
    with pytest.raises(CommandError, match="percentage"):
        call_command("add_tax_rate", "TH", "vat", "--", percent, "2026-10-01")
