"""A circuit breaker ..."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mpac.pgw.domain.breaker import (
    TRANSITIONS,
    Breaker,
    BreakerState,
    Calls,
    Policy,
    begin_trial,
    is_bad,
    is_due_for_trial,
    recent,
    record,
)

NOW = dt.datetime(2026, 11, 21, 7, tzinfo=dt.UTC)
POLICY = Policy()
BAD = Calls(10, 10, 0)
GOOD = Calls(1, 0, 0)


def later(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def opened() -> Breaker:
    return record(Breaker(), BAD, POLICY, now=NOW)


def on_trial(breaker: Breaker, now: dt.datetime) -> Breaker:
    trial = begin_trial(breaker, POLICY, now=now)
    assert trial is not None
    return trial


def test_stays_closed_while_most_calls_are_good():
    breaker = record(Breaker(), Calls(100, 49, 79), POLICY, now=NOW)
    assert breaker.state is BreakerState.CLOSED
    assert recent(breaker, POLICY, now=NOW) == Calls(100, 49, 79)


def test_opens_when_half_of_the_calls_fail():
    breaker = record(Breaker(), Calls(9, 9, 0), POLICY, now=NOW)
    assert breaker.state is BreakerState.CLOSED
    assert record(breaker, Calls(9, 0, 0), POLICY, now=later(10)).state is BreakerState.OPEN


def test_opens_when_nearly_all_calls_are_slow():
    assert record(Breaker(), Calls(10, 0, 7), POLICY, now=NOW).state is BreakerState.CLOSED
    assert record(Breaker(), Calls(10, 0, 8), POLICY, now=NOW).state is BreakerState.OPEN


def test_forgets_what_has_left_the_window():
    breaker = record(Breaker(), Calls(9, 9, 0), POLICY, now=NOW)
    assert recent(breaker, POLICY, now=later(49)) == Calls(9, 9, 0)
    assert recent(breaker, POLICY, now=later(60)) == Calls()
    assert record(breaker, Calls(1, 1, 0), POLICY, now=later(60)).state is BreakerState.CLOSED


def test_rests_before_it_lets_a_trial_through():
    breaker = opened()
    assert begin_trial(breaker, POLICY, now=later(29.999)) is None
    assert on_trial(breaker, later(30)).state is BreakerState.HALF_OPEN


def test_lets_one_trial_through_at_a_time():
    breaker = on_trial(opened(), later(30))
    assert begin_trial(breaker, POLICY, now=later(31)) is None
    passed = record(breaker, GOOD, POLICY, now=later(32))
    assert begin_trial(passed, POLICY, now=later(32)) is not None


def test_lets_another_trial_through_when_one_was_lost():
    breaker = on_trial(opened(), later(30))
    assert begin_trial(breaker, POLICY, now=later(60)) is not None


def test_closes_after_three_good_trials_and_forgets():
    breaker = opened()
    for second in (30, 31, 32):
        breaker = record(on_trial(breaker, later(second)), GOOD, POLICY, now=later(second + 0.5))
    assert breaker == Breaker()


def test_rests_longer_each_time_up_to_a_limit():
    breaker, now, rests = opened(), NOW, []
    for _ in range(8):
        assert breaker.rests_until is not None
        rests.append((breaker.rests_until - now).total_seconds())
        now = breaker.rests_until
        breaker = record(on_trial(breaker, now), Calls(1, 1, 0), POLICY, now=now)
    assert rests == [30, 60, 120, 240, 300, 300, 300, 300]


def test_does_not_listen_to_older_calls_while_it_rests():
    breaker = opened()
    assert record(breaker, Calls(50, 0, 0), POLICY, now=later(5)) == breaker
    assert record(breaker, Calls(50, 50, 0), POLICY, now=later(5)) == breaker


def test_rests_longer_than_any_call_may_take():
    assert POLICY.rest > dt.timedelta(seconds=20)


@given(
    st.lists(
        st.tuples(st.floats(0, 200), st.integers(1, 30), st.floats(0, 1), st.floats(0, 1)),
        max_size=40,
    )
)
def test_keeps_few_buckets_and_counts_like_a_plain_list(steps):
    """The model keeps every call with its time."""
    breaker, model, now = Breaker(), [], NOW
    for wait, count, failed, slow in sorted(steps):
        now = later(wait)
        calls = Calls(count, int(count * failed), int(count * slow))
        slot = int(now.timestamp() // 10)
        model = [(then, what) for then, what in model if then > slot - 6] + [(slot, calls)]
        expected = sum((what for _then, what in model), Calls())
        breaker = record(breaker, calls, POLICY, now=now)
        if is_bad(expected, POLICY):
            assert breaker.state is BreakerState.OPEN
            return
        assert breaker.state is BreakerState.CLOSED
        assert recent(breaker, POLICY, now=now) == expected
        assert len(breaker.buckets) <= POLICY.buckets


class Life(RuleBasedStateMachine):
    """Calls, trials and time in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.breaker, self.passed, self.trials = NOW, Breaker(), 0, []

    def become(self, breaker: Breaker) -> None:
        before, after = self.breaker.state, breaker.state
        assert before is after or after in TRANSITIONS[before]
        self.breaker = breaker

    @rule(seconds=st.floats(0, 400))
    def wait(self, seconds):
        self.now += dt.timedelta(seconds=seconds)

    @rule(count=st.integers(0, 20), failed=st.integers(0, 20), slow=st.integers(0, 20))
    def answer(self, count, failed, slow):
        calls = Calls(count, min(failed, count), min(slow, count))
        before = self.breaker
        self.become(record(before, calls, POLICY, now=self.now))
        if before.state is BreakerState.CLOSED and self.breaker.state is BreakerState.OPEN:
            assert is_bad(recent(before, POLICY, now=self.now) + calls, POLICY)
        if before.state is BreakerState.HALF_OPEN and self.breaker.state is BreakerState.CLOSED:
            assert not calls.failed
            assert before.passed + calls.calls >= POLICY.trials
        if before.state is BreakerState.OPEN:
            assert self.breaker == before

    @precondition(lambda self: self.breaker.state is not BreakerState.CLOSED)
    @rule()
    def ask_for_a_trial(self):
        due = is_due_for_trial(self.breaker, now=self.now)
        before, trial = self.breaker, begin_trial(self.breaker, POLICY, now=self.now)
        assert (trial is not None) == due
        if trial is not None:
            if before.rests_until is not None:
                assert before.rests_until <= self.now
            self.become(trial)
            assert begin_trial(self.breaker, POLICY, now=self.now) is None

    @invariant()
    def always_comes_back(self):
        if self.breaker.state is not BreakerState.CLOSED:
            assert is_due_for_trial(self.breaker, now=self.now + POLICY.longest_rest)

    @invariant()
    def has_a_shape_for_each_state(self):
        state = self.breaker.state
        assert (self.breaker.rests_until is not None) == (state is BreakerState.OPEN)
        assert state is BreakerState.CLOSED or (self.breaker.rests >= 1 and not self.breaker.buckets)
        assert state is BreakerState.HALF_OPEN or self.breaker.trial_until is None


TestLife = Life.TestCase
