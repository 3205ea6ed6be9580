"""Configuring tax rates."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from kernel import clock
from kernel.tenancy import SystemScope
from mpac.smarttab.db import atomic
from mpac.smarttab.errors import RateOutOfOrder
from mpac.smarttab.selectors.taxes import list_rates_ppm
from mpac.smarttab.services.taxes import NewTaxRate, add_tax_rate

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


def test_of_first_rates_that_come_at_once_none_overlap(database):
    start = threading.Barrier(4)

    def add(number):
        rate = NewTaxRate(country="TH", code="vat", rate_ppm=70_000 + number, valid_from=MARCH)
        start.wait()
        try:
            return add_tax_rate(scope=SystemScope("seed"), rate=rate, now=clock.now())
        except RateOutOfOrder:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(added is not None for added in pool.map(add, range(4))) == 1
    assert len(rates(on=MARCH)) == 1
