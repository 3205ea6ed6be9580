"""A movement of ours that no statement tells ..."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from mpac.pgw.domain.statements.profiles import declared_profile
from tests.pgw.services.reconciliation.conftest import LAYOUT

pytestmark = pytest.mark.usefixtures("healthy")


@pytest.fixture
def period(statements):
    """A statement of `days` days around now whose ends are fees, which have no counterpart; payments make its period."""

    def take(*, until, **changes):
        ends = [statements.now - dt.timedelta(days=2), statements.now + until]
        lines = [statements.line(reference=f"END{end:%Y%m%d%H%M%S}", at=end.isoformat()) for end in ends]
        return statements.take(*lines, **changes)

    return take


def untold(statements):
    return [each for each in statements.exceptions() if each.outcome == "missing_in_provider"]


def test_within_the_providers_lag_is_waited_for(paid, statements, period):
    file = period(until=dt.timedelta(hours=20))
    assert (file.report["missing_in_provider"], file.report["timing"]) == (0, 1)
    assert untold(statements) == []


def test_after_the_providers_lag_is_an_exception(gateway, paid, refunds, statements, period):
    refund = refunds.give(paid, 2550)
    file = period(until=dt.timedelta(hours=30))
    assert (file.report["missing_in_provider"], file.report["timing"]) == (2, 0)
    payment, back = untold(statements)
    assert (payment.reference, payment.known_minor, payment.told_minor) == ("BANK000001", 12550, None)
    assert (back.refund_id, back.known_minor) == (refund.pk, -2550)
    assert payment.attempt_id == back.attempt_id == gateway.attempt(paid).pk


def test_that_was_made_before_midnight_may_come_with_the_next_days_file(gateway, paid, statements, now):
    """In the provider's own time zone: the line has the day after the one on which we counted the money."""
    profile = declared_profile("evidence = true\n" + LAYOUT).adjusted(time_zone="Asia/Tokyo")
    today = now.astimezone(ZoneInfo("Asia/Tokyo")).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight = today + dt.timedelta(days=1)
    line = statements.paid(gateway.attempt(paid))
    first = statements.take(
        statements.line(reference="FIRST", at=f"{today:%Y-%m-%d %H:%M:%S}"),
        statements.line(reference="LAST", at=f"{midnight - dt.timedelta(seconds=1):%Y-%m-%d %H:%M:%S}"),
        profile=profile,
    )
    second = statements.take(line | {"at": f"{midnight:%Y-%m-%d %H:%M:%S}"}, profile=profile)
    assert (first.ends_at, second.starts_at) == (midnight - dt.timedelta(seconds=1), midnight)
    assert (first.report["timing"], second.report["timing"]) == (1, 0)
    assert (untold(statements), statements.outcomes()) == ([], ["missing_in_mpac"] * 2 + ["matched"])


def test_is_judged_once(paid, statements, period):
    period(until=dt.timedelta(hours=30))
    period(until=dt.timedelta(hours=31))
    period(until=dt.timedelta(hours=29))
    assert len(untold(statements)) == 1


def test_that_was_waited_for_is_judged_by_the_next_statement(paid, statements, period):
    period(until=dt.timedelta(hours=20))
    period(until=dt.timedelta(hours=60))
    assert len(untold(statements)) == 1


def test_that_is_told_at_last_is_settled(gateway, paid, statements, period):
    period(until=dt.timedelta(hours=30))
    statements.take(statements.paid(gateway.attempt(paid)))
    [exception] = untold(statements)
    assert (exception.status, exception.resolution) == ("resolved", "found")
    assert statements.history(exception)[-1] == ("open", "resolved", "comparison")


def test_of_another_store_mode_or_provider_is_not_expected(paid, statements, period):
    changes = [{"only_store_id": 112}, {"livemode": True}]
    for number, change in enumerate(changes):
        period(until=dt.timedelta(hours=30 + number), **change)
    other = declared_profile(LAYOUT.replace('provider = "fake"', 'provider = "rival"'))
    period(until=dt.timedelta(hours=40), profile=other)
    assert untold(statements) == []
    period(until=dt.timedelta(hours=41), only_store_id=111)
    assert len(untold(statements)) == 1


def test_of_a_file_without_payments_is_not_looked_for(paid, statements):
    file = statements.take(statements.line("fee"))
    assert (file.checked_until, file.report["missing_in_provider"]) == (None, 0)
