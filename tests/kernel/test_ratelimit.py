"""A limit holds over all processes together, costs little, and never depends on Redis being there."""

import threading

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisGone

from kernel import metrics, ratelimit
from kernel.ids import uuid7
from kernel.ratelimit import BREAKER_FIRST_S, BREAKER_LAST_S, Grant, Limit, Limiter, LocalBucket, RedisBucket


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class SharedBucket:
    """The shared bucket as a model, on the test's clock; it can be taken away."""

    def __init__(self, clock):
        self.bucket = LocalBucket(processes=1, monotonic=clock)
        self.calls = 0
        self.gone = False

    def take(self, rule, *, want, back):
        self.calls += 1
        if self.gone:
            raise RedisGone
        return self.bucket.take(rule, want=want, back=back)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def shared(clock):
    return SharedBucket(clock)


@pytest.fixture
def limiter(clock, shared):
    return Limiter(shared=shared, processes=2, monotonic=clock)


def rule(limit=10, period_s=60, name="merchant", key="1"):
    return Limit(name, key, limit, period_s)


def admitted(limiter, rules, times):
    return sum(limiter.check(rules).allowed for _ in range(times))


def test_as_many_as_the_limit_are_admitted_at_once_and_no_more(limiter):
    assert admitted(limiter, [rule(10)], 30) == 10


def test_tokens_come_back_evenly(limiter, clock):
    assert admitted(limiter, [rule(10)], 10) == 10
    clock.now += 6.01
    assert admitted(limiter, [rule(10)], 5) == 1
    clock.now += 60
    assert admitted(limiter, [rule(10)], 30) == 10


def test_the_answer_tells_what_is_left_and_when_to_come_again(limiter, clock):
    first = limiter.check([rule(3)])
    assert (first.allowed, first.limit, first.remaining, first.reset_s, first.policy) == (
        True,
        3,
        2,
        20,
        "merchant",
    )
    admitted(limiter, [rule(3)], 2)
    refused = limiter.check([rule(3)])
    assert (refused.allowed, refused.remaining, refused.retry_after_s, refused.reset_s) == (False, 0, 20, 60)
    clock.now += 5
    assert limiter.check([rule(3)]).retry_after_s == 15
    clock.now += 15.01
    assert limiter.check([rule(3)]).allowed


def test_the_headers_are_those_of_the_draft_standard(limiter):
    assert limiter.check([rule(3)]).headers() == {
        "RateLimit-Policy": '"merchant";q=3;w=60',
        "RateLimit": '"merchant";r=2;t=20',
    }
    admitted(limiter, [rule(3)], 2)
    assert limiter.check([rule(3)]).headers()["Retry-After"] == "20"


def test_the_smallest_limit_wins_and_a_refusal_costs_the_others_nothing(limiter):
    wide, narrow = rule(100, name="global", key="all"), rule(5, key="7")
    assert admitted(limiter, [wide, narrow], 40) == 5
    assert limiter.check([wide, narrow]).policy == "merchant"
    assert admitted(limiter, [wide], 200) == 95


def test_the_nearest_limit_speaks(limiter):
    wide, narrow = rule(100, name="global", key="all"), rule(5, key="7")
    assert limiter.check([wide, narrow]).policy == limiter.check([narrow, wide]).policy == "merchant"


def test_keys_do_not_share(limiter):
    assert admitted(limiter, [rule(5, key="1")], 9) == 5
    assert admitted(limiter, [rule(5, key="2")], 9) == 5


def test_without_rules_everything_passes(limiter):
    assert limiter.check([]).allowed


def test_busy_traffic_asks_the_shared_bucket_a_few_times_a_second(limiter, shared, clock):
    busy = rule(60_000)
    for _ in range(5000):
        assert limiter.check([busy]).allowed
        clock.now += 0.001
    assert shared.calls < 30


def test_a_refused_caller_does_not_ask_again_and_again(limiter, shared, clock):
    admitted(limiter, [rule(3)], 4)
    before = shared.calls
    assert admitted(limiter, [rule(3)], 1000) == 0
    assert shared.calls == before
    clock.now += 1.01
    limiter.check([rule(3)])
    assert shared.calls == before + 1


def test_unspent_tokens_are_handed_back(clock, shared):
    steady = rule(600)
    one = Limiter(shared=shared, processes=2, monotonic=clock)
    admitted(one, [steady], 12)  # 1, 2, 4 and of a lease of 8 only 5
    clock.now += 1.0
    one.check([steady])  # hands back 3
    two = Limiter(shared=shared, processes=2, monotonic=clock)
    assert admitted(two, [steady], 1000) == 600 - 12 + 10 - one._leases[steady].size


@given(
    limit=st.integers(1, 200),
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 60), st.floats(0, 3)), max_size=40),
)
def test_all_processes_together_never_admit_more_than_the_bucket_gave(limit, steps):
    clock = Clock()
    shared = SharedBucket(clock)
    processes = [Limiter(shared=shared, processes=3, monotonic=clock) for _ in range(3)]
    started, total = clock.now, 0
    for process, times, pause in steps:
        total += admitted(processes[process], [rule(limit)], times)
        assert total <= limit + (clock.now - started) * limit / 60 + 1e-3
        clock.now += pause


@given(limit=st.integers(1, 50), bunches=st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_who_keeps_to_the_limit_in_every_period_is_never_refused(limit, bunches):
    clock = Clock()
    one = Limiter(shared=SharedBucket(clock), processes=1, monotonic=clock)
    for bunch in bunches:
        times = min(bunch, limit)
        assert admitted(one, [rule(limit)], times) == times
        clock.now += 60.001


def test_without_redis_each_process_admits_its_share(limiter, shared):
    shared.gone = True
    assert admitted(limiter, [rule(10)], 30) == 5


def test_a_dead_redis_is_asked_once_per_pause_and_then_less_often(limiter, shared, clock):
    shared.gone = True
    counter = metrics.rate_limit_fallbacks._value.get()
    for _ in range(100):
        limiter.check([rule(10_000)])
    assert shared.calls == 1
    assert metrics.rate_limit_fallbacks._value.get() > counter
    pauses = []
    for _ in range(6):
        before, started = shared.calls, clock.now
        while shared.calls == before:
            clock.now += 0.05
            limiter.check([rule(10_000, key=str(clock.now))])
        pauses.append(clock.now - started)
    assert pauses[0] == pytest.approx(BREAKER_FIRST_S, abs=0.1)
    assert pauses[-1] == pytest.approx(BREAKER_LAST_S, abs=0.1)


def test_when_redis_is_back_it_decides_again(limiter, shared, clock):
    shared.gone = True
    assert admitted(limiter, [rule(10)], 30) == 5
    shared.gone = False
    clock.now += BREAKER_LAST_S + 1
    assert admitted(limiter, [rule(10)], 30) == 10


def test_keys_that_are_no_longer_used_are_forgotten(limiter, clock, monkeypatch):
    monkeypatch.setattr(ratelimit, "_MAX_KEYS", 50)
    for n in range(500):
        limiter.check([rule(10, key=str(n))])
        clock.now += 2
    assert len(limiter._leases) <= 50


def test_threads_of_one_process_share_a_lease_without_losing_count(limiter):
    count, lock = [0], threading.Lock()

    def work():
        mine = admitted(limiter, [rule(500, 3600)], 200)
        with lock:
            count[0] += mine

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count[0] == 500


def test_the_script_in_redis_counts_as_the_model_does():
    bucket, key = RedisBucket(), str(uuid7())
    slow = rule(5, 36_000, key=key)
    assert bucket.take(slow, want=3, back=0) == Grant(3, 2, pytest.approx(3 * 7200, abs=1), 0)
    assert bucket.take(slow, want=3, back=0) == Grant(2, 0, pytest.approx(5 * 7200, abs=1), 0)
    assert bucket.take(slow, want=1, back=0) == Grant(
        0, 0, pytest.approx(5 * 7200, abs=1), pytest.approx(7200, abs=1)
    )
    assert bucket.take(slow, want=1, back=2) == Grant(1, 1, pytest.approx(4 * 7200, abs=1), 0)
    assert bucket.take(slow, want=9, back=99).granted == 5


@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(limit=st.integers(1, 10_000_000), period_s=st.integers(1, 86_400))
def test_a_fresh_bucket_in_redis_is_exactly_full(limit, period_s):
    assert RedisBucket().take(rule(limit, period_s, key=str(uuid7())), want=limit, back=0).granted == limit


def test_several_processes_share_one_limit_through_redis():
    shared_rule = rule(100, 36_000, key=str(uuid7()))
    processes = [Limiter(shared=RedisBucket(), processes=4) for _ in range(4)]
    total = sum(admitted(process, [shared_rule], 7) for _ in range(20) for process in processes)
    assert 96 <= total <= 100


def test_an_unreachable_redis_costs_milliseconds(settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    ratelimit.redis_client.cache_clear()
    try:
        assert ratelimit.check([rule(10, key=str(uuid7()))]).allowed
    finally:
        ratelimit.redis_client.cache_clear()
