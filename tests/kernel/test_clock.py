"""The clock is UTC, in whole milliseconds."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import time_machine

from kernel import clock


def test_now_is_utc_cut_to_the_millisecond():
    with time_machine.travel(datetime(2026, 11, 21, 7, 0, 0, 123_999, tzinfo=UTC), tick=False):
        assert clock.now() == datetime(2026, 11, 21, 7, 0, 0, 123_000, tzinfo=UTC)
        assert clock.now().tzinfo is UTC


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 11, 21, 7, tzinfo=UTC), "2026-11-21T07:00:00.000Z"),
        (datetime(2026, 11, 21, 7, 0, 0, 9_999, tzinfo=UTC), "2026-11-21T07:00:00.009Z"),
        (datetime(2026, 11, 21, 14, tzinfo=timezone(timedelta(hours=7))), "2026-11-21T07:00:00.000Z"),
    ],
)
def test_instants_are_written_in_utc_with_milliseconds(instant, text):
    assert clock.rfc3339(instant) == text


def test_an_instant_without_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        clock.rfc3339(datetime(2026, 11, 21))  # noqa: DTZ001
