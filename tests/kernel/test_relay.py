"""The relay ..."""

import datetime as dt
import threading
from dataclasses import dataclass

import pytest
from django.db import OperationalError, connections

from kernel import clock, events, handlers, ids, jobs
from kernel.db import ContextDb
from kernel.events import Event
from kernel.jobs import Job
from kernel.outbox import publish
from kernel.relay import LEASE, MAX_TRIES, Claims, Relay, deliver_due, settle_unhandled
from kernel.tenancy import SystemScope, TenantScope
from tests.delivery import deliver_all

DB = ContextDb("sync", alias="sync")
PORTAL = ContextDb("portal", alias="default")
SCOPE = TenantScope(1, 10)
RELAY = SystemScope("relay")


@dataclass(frozen=True, kw_only=True)
class Happened(Event):
    """Something happened, for tests."""

    type = "test.happened"

    what: str
    at: dt.datetime | None = None


class Log:
    """What the handlers of a test saw, and which of them shall fail."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.failing: set[str] = set()

    def handle(self, event: Happened, *, now: dt.datetime) -> None:
        if event.what in self.failing:
            raise RuntimeError(event.what)
        self.seen.append(event.what)


@pytest.fixture
def log(database, monkeypatch):
    found = Log()
    monkeypatch.setattr(handlers, "_handlers", {})
    handlers.handles(Happened, db=PORTAL, consumer="portal.test")(found.handle)
    return found


def happen(what: str, *, aggregate: str = "thing:1", at: dt.datetime | None = None, psp_id: int = 1) -> None:
    event = Happened(aggregate_id=aggregate, psp_id=psp_id, merchant_id=10, what=what, at=at)
    with DB.atomic(TenantScope(psp_id, 10)):
        publish(DB, event, now=clock.now())


def pending() -> int:
    with DB.atomic(RELAY):
        return DB.execute("SELECT count(*) FROM outbox WHERE delivered_at IS NULL AND parked_at IS NULL")[0][
            0
        ]


def test_delivers_a_committed_event_once(log):
    happen("a")
    assert deliver_all([DB]) == 1
    assert deliver_all([DB]) == 0
    assert log.seen == ["a"]


def test_delivers_nothing_of_a_rolled_back_transaction(log):
    def give_up() -> None:
        with DB.atomic(SCOPE):
            publish(DB, Happened(aggregate_id="thing:1", psp_id=1, merchant_id=10, what="a"), now=clock.now())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        give_up()
    assert deliver_all([DB]) == 0
    assert log.seen == []


def test_delivers_what_was_committed_although_nobody_could_be_woken(log, monkeypatch):
    monkeypatch.setattr("kernel.outbox.CHANNEL", "'no channel'")
    happen("a")
    deliver_all([DB])
    assert log.seen == ["a"]


def test_keeps_the_order_of_an_aggregate_while_a_handler_fails(log):
    log.failing = {"a"}
    happen("a")
    happen("b")
    happen("c", aggregate="thing:2")
    deliver_due(DB, now=clock.now())
    assert log.seen == ["c"]
    log.failing = set()
    deliver_all([DB], now=lambda: clock.now() + dt.timedelta(minutes=5))
    assert log.seen == ["c", "a", "b"]


def test_brings_an_event_to_everybody_although_one_of_them_fails(log):
    seen = []
    handlers.handles(Happened, db=PORTAL, consumer="portal.other")(
        lambda event, *, now: seen.append(event.what)
    )
    log.failing.add("a")
    happen("a")
    happen("b")
    assert deliver_due(DB, now=clock.now()) == 1
    assert (log.seen, seen, pending()) == ([], ["a"], 2)
    log.failing.clear()
    deliver_all([DB], now=lambda: clock.now() + dt.timedelta(minutes=5))
    assert (log.seen, seen, pending()) == (["a", "b"], ["a", "b"], 0)


def test_parks_an_event_after_its_last_try_and_goes_on_with_the_next(log):
    log.failing = {"a"}
    happen("a")
    happen("b")
    now = clock.now()
    for _ in range(MAX_TRIES):
        now += dt.timedelta(minutes=5)
        deliver_due(DB, now=now)
    assert log.seen == []
    deliver_due(DB, now=now + dt.timedelta(minutes=5))
    assert log.seen == ["b"]
    with DB.atomic(RELAY):
        assert DB.execute("SELECT count(*) FROM outbox WHERE parked_at IS NOT NULL") == [(1,)]


def test_delivers_again_what_a_dead_relay_had_claimed_but_the_inbox_absorbs_it(log, monkeypatch):
    happen("a")
    with monkeypatch.context() as dying:
        dying.setattr("kernel.relay.DELIVERED", "SELECT 1 WHERE %s IS NULL AND %s IS NULL AND %s IS NULL")
        deliver_due(DB, now=clock.now())
    assert deliver_due(DB, now=clock.now()) == 0
    assert deliver_due(DB, now=clock.now() + dt.timedelta(minutes=1)) == 1
    assert log.seen == ["a"]
    assert pending() == 0


def test_delivers_at_once_what_it_had_claimed_when_the_database_lost_its_receipt(log, superuser):
    claims = Claims()
    happen("first")
    happen("other", aggregate="thing:2")
    assert deliver_due(DB, now=clock.now(), claims=claims) == 2
    superuser.execute("UPDATE sync.outbox SET delivered_at = NULL WHERE payload->>'what' = 'first'")
    happen("second")
    assert deliver_due(DB, now=clock.now(), claims=claims) == 0
    claims.give_back(DB, now=clock.now())
    deliver_all([DB])
    assert log.seen == ["first", "other", "second"]
    assert pending() == 0


def test_doubts_its_claims_when_a_server_hung_up(log, superuser):
    relay = Relay([DB], dsns=[superuser.info.dsn])
    relay._listen()
    happen("first")
    relay._wait()
    assert relay._each(relay._deliver) == 1
    assert not relay.claims["sync"].doubted
    superuser.execute(
        "SELECT pg_terminate_backend(%s, 5000)", [relay.listeners[superuser.info.dsn].info.backend_pid]
    )
    while relay.listeners:
        relay._wait()
    relay._listen()
    assert relay.claims["sync"].doubted
    relay.listeners[superuser.info.dsn].close()


def test_forgets_claims_whose_lease_is_over(log):
    happen("first")
    claims, now = Claims(), clock.now()
    deliver_due(DB, now=now, claims=claims)
    assert len(claims._made) == 1
    claims.note([], now=now + LEASE + dt.timedelta(seconds=1))
    assert not claims._made


@pytest.fixture
def together(database, monkeypatch):
    """Who takes events together: what it was given, call by call; an event called "bad" makes it fail."""
    calls: list[list[str]] = []

    def react(facts, *, now: dt.datetime) -> None:
        calls.append([fact.event.what for fact in facts])
        if "bad" in calls[-1]:
            raise RuntimeError

    monkeypatch.setattr(handlers, "_handlers", {})
    handlers.handles(Happened, db=PORTAL, consumer="portal.together", together=True)(react)
    return calls


def test_hands_the_events_of_a_tenant_over_together_and_once(together):
    for number in range(3):
        happen(f"ours {number}", aggregate=f"thing:{number}")
    happen("theirs", aggregate="thing:9", psp_id=2)
    assert deliver_due(DB, now=clock.now()) == 4
    with DB.atomic(RELAY):
        DB.execute("UPDATE outbox SET delivered_at = NULL, next_try_at = created_at")
    happen("late", aggregate="thing:7")
    deliver_all([DB])
    assert together == [["ours 0", "ours 1", "ours 2"], ["theirs"], ["late"]]
    assert pending() == 0


def test_keeps_an_event_from_none_of_those_that_it_was_handed_over_with(together):
    for what in ("first", "bad", "last"):
        happen(what, aggregate=f"thing:{what}")
    assert deliver_due(DB, now=clock.now()) == 3
    assert together == [["first", "bad", "last"], ["first"], ["bad"], ["last"]]
    assert pending() == 1


def test_leaves_events_that_nobody_handles_to_history(log, monkeypatch):
    monkeypatch.setattr(handlers, "_handlers", {})
    happen("a")
    assert deliver_due(DB, now=clock.now()) == 0
    settle_unhandled(DB, now=clock.now())
    assert pending() == 0


def test_gives_a_handler_the_event_as_it_was_published(database, monkeypatch):
    monkeypatch.setattr(handlers, "_handlers", {})
    given: list[Happened] = []
    handlers.handles(Happened, db=PORTAL, consumer="portal.test")(lambda event, *, now: given.append(event))  # noqa: PLW0108

    at = clock.now()
    happen("a", at=at)
    deliver_all([DB])
    assert given == [Happened(aggregate_id="thing:1", psp_id=1, merchant_id=10, what="a", at=at)]


def test_writes_the_receipt_of_an_outside_handler_only_when_it_returned(database, monkeypatch):
    monkeypatch.setattr(handlers, "_handlers", {})
    calls: list[bool] = []

    def react(event: Happened, *, now: dt.datetime) -> None:
        calls.append(PORTAL.in_transaction())
        if len(calls) == 1:
            raise RuntimeError

    handlers.handles(Happened, db=PORTAL, consumer="portal.outside", own_transaction=False)(react)
    happen("a")
    deliver_all([DB])
    deliver_all([DB], now=lambda: clock.now() + dt.timedelta(minutes=5))
    deliver_all([DB], now=lambda: clock.now() + dt.timedelta(minutes=10))
    assert calls == [False, False]


def test_event_ids_carry_the_instant_that_decides_their_partition(log):
    happen("a")
    with DB.atomic(RELAY):
        [(event_id, created_at, partition)] = DB.execute(
            "SELECT id, created_at, tableoid::regclass::text FROM outbox"
        )
    assert created_at == ids.created_at_of(event_id)
    assert partition.endswith(f"outbox_{created_at:%Y_%m}")


def test_never_parks_an_event_because_of_an_outage(log, monkeypatch):
    outage = True

    def react(event: Happened, *, now: dt.datetime) -> None:
        if outage:
            raise OperationalError
        log.seen.append(event.what)

    monkeypatch.setattr(handlers, "_handlers", {})
    handlers.handles(Happened, db=PORTAL, consumer="portal.test")(react)
    happen("a")
    now = clock.now()
    for _ in range(3 * MAX_TRIES):
        now += dt.timedelta(minutes=5)
        assert deliver_due(DB, now=now) == 1
    outage = False
    deliver_due(DB, now=now + dt.timedelta(minutes=5))
    assert (log.seen, pending()) == (["a"], 0)


def test_goes_on_trying_after_a_very_long_outage(log, monkeypatch, superuser):
    monkeypatch.setattr(log, "failing", {"a"})
    happen("a")
    superuser.execute("UPDATE sync.outbox SET tries = 32767")
    assert deliver_due(DB, now=clock.now()) == 1


def test_leaves_the_events_of_a_newer_version_to_its_relay(log, monkeypatch):
    """Two versions run together during an upgrade; the older one must not spend what only the newer can handle."""
    happen("a")
    with monkeypatch.context() as older:
        older.setattr(handlers, "_handlers", {})
        older.setattr(events, "_registry", {})
        settle_unhandled(DB, now=clock.now())
    deliver_all([DB])
    assert log.seen == ["a"]


class Running:
    """A relay in a thread of its own, over the contexts of these tests."""

    def __init__(self, databases=(PORTAL, DB)) -> None:
        self.relay = Relay(databases, dsns=[])
        self.thread = threading.Thread(target=self.relay.run)

    def __enter__(self) -> Relay:
        self.thread.start()
        return self.relay

    def __exit__(self, *_: object) -> None:
        self.relay.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()


def test_stops_when_it_is_told_to_however_much_there_is_to_deliver(log, monkeypatch):
    running = Running()

    def react(event: Happened, *, now: dt.datetime) -> None:
        log.seen.append(event.what)
        running.relay.stop()
        if len(log.seen) < 100:
            happen("more")

    monkeypatch.setattr(handlers, "_handlers", {})
    handlers.handles(Happened, db=PORTAL, consumer="portal.test")(react)
    happen("a")
    running.relay.run()
    assert log.seen == ["a"]


def test_delivers_while_an_overdue_job_takes_its_time(log, monkeypatch):
    started, finish, delivered = threading.Event(), threading.Event(), threading.Event()

    def work(*, now: dt.datetime) -> int:
        started.set()
        finish.wait(30)
        return 0

    monkeypatch.setattr(jobs, "_jobs", {"slow": Job("slow", 1, DB, work)})
    monkeypatch.setattr(log, "handle", lambda event, *, now: delivered.set())
    monkeypatch.setattr(handlers, "_handlers", {})
    handlers.handles(Happened, db=PORTAL, consumer="portal.test")(log.handle)
    running = Running()
    running.relay.jobs_at -= dt.timedelta(minutes=1)
    with running as relay:
        assert started.wait(10)
        happen("a")
        assert delivered.wait(10)
        assert list(relay.jobs) == ["slow"]
        finish.set()
        relay.jobs["slow"].join(10)


def test_delivers_of_one_context_while_the_server_of_another_is_away(log):
    away = ContextDb("portal", alias="smarttab")
    place = connections["smarttab"].settings_dict
    seen = threading.Event()
    handlers.handles(Happened, db=PORTAL, consumer="portal.seen")(lambda event, *, now: seen.set())
    port, place["PORT"] = place["PORT"], "1"
    connections["smarttab"].close()
    try:
        with Running((away, DB)):
            happen("a")
            assert seen.wait(10)
    finally:
        place["PORT"] = port


def test_takes_turns_so_that_nobodys_long_queue_delays_another(log, superuser):
    """10,000 events of one provider stand before one of another and one of the platform's own."""
    happen("a")
    superuser.execute(
        "INSERT INTO sync.outbox (id, created_at, psp_id, merchant_id, store_id, type, version, aggregate_id, payload,"
        " request_id, tries, next_try_at, last_error) SELECT gen_random_uuid(), created_at, psp_id, merchant_id, store_id,"
        " type, version, 'thing:' || number + 1, payload, request_id, tries, next_try_at, last_error"
        " FROM sync.outbox, generate_series(1, 9999) number"
    )
    superuser.execute("ANALYZE sync.outbox")
    with DB.atomic(RELAY):
        for psp_id, what in ((2, "b"), (None, "c")):
            publish(DB, Happened(aggregate_id=f"thing:{what}", psp_id=psp_id, what=what), now=clock.now())
    assert deliver_due(DB, now=clock.now()) == 50
    assert sorted(log.seen[:3]) == ["a", "b", "c"]
    assert set(log.seen[3:]) == {"a"}
