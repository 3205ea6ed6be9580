"""An idempotency key ..."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from kernel import clock
from kernel.db import ContextDb
from kernel.errors import Conflict, Unavailable
from kernel.idempotency import (
    KEEP,
    LEASE,
    Keyed,
    KeyInFlight,
    KeyMalformed,
    KeyRequired,
    KeyReused,
    fingerprint,
    parse_key,
    run_once,
    run_steps,
)
from kernel.tenancy import TenantScope
from kernel.upkeep import remove_expired

DB = ContextDb("sync", alias="sync")
SCOPE = TenantScope(1, 10)


def keyed(key: str = "k", payload: bytes = b"{}", tenant: tuple[int, int, int] = (1, 10, 0)) -> Keyed:
    return Keyed(tenant=tenant, operation="things.create", key=key, fingerprint=fingerprint(payload))


class Effects:
    """Counts how often the keyed work was done."""

    def __init__(self) -> None:
        self.count = 0

    def produce(self) -> tuple[int, bytes]:
        self.count += 1
        return 201, b'{"n":%d}' % self.count

    def begin(self) -> str:
        self.count += 1
        return f"thing-{self.count}"


@pytest.mark.parametrize("header", ['"abc"', "abc", "a", "x" * 255, "a b"])
def test_is_read_bare_or_quoted(header):
    assert parse_key(header) == header.strip('"')


@pytest.mark.parametrize("header", ["", '""', "x" * 256, "a\tb", "ä", "a\x7f"])
def test_is_refused_when_it_is_malformed(header):
    with pytest.raises(KeyMalformed):
        parse_key(header)


def test_is_required():
    with pytest.raises(KeyRequired):
        parse_key(None)


def test_replays_the_first_answer(database):
    effects = Effects()
    first = run_once(DB, SCOPE, keyed(), effects.produce, now=clock.now())
    second = run_once(DB, SCOPE, keyed(), effects.produce, now=clock.now())
    assert (first.status, first.body, first.replayed) == (201, b'{"n":1}', False)
    assert (second.status, second.body, second.replayed) == (201, b'{"n":1}', True)
    assert effects.count == 1


def test_is_refused_with_another_payload(database):
    effects = Effects()
    run_once(DB, SCOPE, keyed(), effects.produce, now=clock.now())
    with pytest.raises(KeyReused):
        run_once(DB, SCOPE, keyed(payload=b'{"a":1}'), effects.produce, now=clock.now())


def test_is_not_burnt_by_a_refusal(database):
    def refuse() -> tuple[int, bytes]:
        raise Conflict

    with pytest.raises(Conflict):
        run_once(DB, SCOPE, keyed(), refuse, now=clock.now())
    assert not run_once(DB, SCOPE, keyed(), Effects().produce, now=clock.now()).replayed


def test_belongs_to_its_tenant(database):
    effects = Effects()
    run_once(DB, SCOPE, keyed(), effects.produce, now=clock.now())
    other = run_once(DB, TenantScope(2, 20), keyed(tenant=(2, 20, 0)), effects.produce, now=clock.now())
    assert not other.replayed
    assert effects.count == 2


def test_has_one_effect_under_many_threads(database):
    effects = Effects()

    def attempt(_: int) -> str:
        try:
            return (
                "replayed"
                if run_once(DB, SCOPE, keyed(), effects.produce, now=clock.now()).replayed
                else "first"
            )
        except KeyInFlight:
            return "in flight"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(attempt, range(64)))
    assert outcomes.count("first") == 1
    assert effects.count == 1


def test_is_in_flight_between_the_steps(database):
    effects = Effects()
    now = clock.now()

    def finish(resource_id: str) -> tuple[int, bytes]:
        with pytest.raises(KeyInFlight):
            run_steps(DB, SCOPE, keyed(), begin=effects.begin, finish=finish, now=now)
        return 201, resource_id.encode()

    stored = run_steps(DB, SCOPE, keyed(), begin=effects.begin, finish=finish, now=now)
    again = run_steps(DB, SCOPE, keyed(), begin=effects.begin, finish=finish, now=now)
    assert (stored.body, again.body, again.replayed) == (b"thing-1", b"thing-1", True)
    assert effects.count == 1


def test_is_taken_over_after_a_crash_between_the_steps(database):
    effects = Effects()
    now = clock.now()

    def die(resource_id: str) -> tuple[int, bytes]:
        raise SystemExit

    with pytest.raises(SystemExit):
        run_steps(DB, SCOPE, keyed(), begin=effects.begin, finish=die, now=now)
    with pytest.raises(KeyInFlight):
        run_steps(
            DB, SCOPE, keyed(), begin=effects.begin, finish=lambda found: (201, found.encode()), now=now
        )
    later = now + LEASE + dt.timedelta(seconds=1)
    stored = run_steps(
        DB, SCOPE, keyed(), begin=effects.begin, finish=lambda found: (201, found.encode()), now=later
    )
    assert stored.body == b"thing-1"
    assert effects.count == 1


def test_may_be_tried_again_at_once_when_the_second_step_was_refused(database):
    effects = Effects()
    now = clock.now()

    def refuse(resource_id: str) -> tuple[int, bytes]:
        raise Unavailable

    with pytest.raises(Unavailable):
        run_steps(DB, SCOPE, keyed(), begin=effects.begin, finish=refuse, now=now)
    stored = run_steps(
        DB, SCOPE, keyed(), begin=effects.begin, finish=lambda found: (201, found.encode()), now=now
    )
    assert stored.body == b"thing-1"


def test_is_forgotten_after_thirty_days(database):
    effects = Effects()
    now = clock.now()
    run_once(DB, SCOPE, keyed(), effects.produce, now=now)
    remove_expired(DB, now=now + KEEP - dt.timedelta(seconds=1))
    assert run_once(DB, SCOPE, keyed(), effects.produce, now=now).replayed
    remove_expired(DB, now=now + KEEP + dt.timedelta(seconds=1))
    assert not run_once(DB, SCOPE, keyed(), effects.produce, now=now).replayed
