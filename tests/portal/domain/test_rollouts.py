"""A rollout..."""

import dataclasses

import pytest

from kernel.errors import Invalid
from mpac.portal.domain.rollouts import TRANSITIONS, Gate, Health, Wave, check_waves, find_fault, is_open

GATE = Gate(max_failure_bp=1000, max_crash_bp=500, min_payment_success_bp=8000, min_sample=20)


@pytest.mark.parametrize(
    ("health", "fault"),
    [
        (Health(), None),
        (Health(installed=18, failed=2), None),
        (Health(installed=17, failed=3), "install_failures"),
        (Health(failed=19), None),
        (Health(failed=20), "install_failures"),
        (Health(installed=20, crashed=1), None),
        (Health(installed=20, crashed=2), "crashes"),
        (Health(installed=19, crashed=19), None),
        (Health(installed=1, payments_succeeded=16, payments_failed=4), None),
        (Health(installed=1, payments_succeeded=15, payments_failed=5), "payment_success"),
        (Health(installed=1, payments_failed=19), None),
    ],
)
def test_is_ill_beyond_its_thresholds_and_not_before_enough_was_seen(health, fault):
    assert find_fault(health, GATE) == fault


def test_that_tolerates_everything_is_never_ill():
    gate = dataclasses.replace(GATE, max_failure_bp=10_000, max_crash_bp=10_000, min_payment_success_bp=0)
    assert find_fault(Health(failed=100, crashed=100, installed=100, payments_failed=100), gate) is None


@pytest.mark.parametrize("shares", [[], [100], [5000, 5000, 10_000], [10_000, 5000], [5000, 9999]])
def test_grows_from_wave_to_wave_until_it_reaches_everybody(shares):
    with pytest.raises(Invalid):
        check_waves([Wave(share, 0) for share in shares])
    check_waves([Wave(1, 0), Wave(10_000, 0)])


@pytest.mark.parametrize(
    ("window", "minutes"),
    [("03:00-05:00", range(180, 300)), ("22:00-01:30", [*range(1320, 1440), *range(90)]), ("", range(1440))],
)
def test_has_a_window_that_may_run_past_midnight(window, minutes):
    assert [minute for minute in range(1440) if is_open(window, minute=minute)] == sorted(minutes)


def test_that_ended_stays_ended():
    ends = {status for status, targets in TRANSITIONS.items() if not targets}
    assert ends == {"halted", "superseded"}
