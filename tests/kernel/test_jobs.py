"""A scheduled job ..."""

import datetime as dt

import pytest

from kernel import clock, jobs
from kernel.db import ContextDb
from kernel.jobs import Job, overdue, run_slot

db = ContextDb("sync", alias="sync")
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def registered(database, monkeypatch):
    """Registers jobs for one test."""
    known: dict[str, Job] = {}
    monkeypatch.setattr(jobs, "_jobs", known)

    def register(function, **options):
        jobs.job("test.job", every_s=1, db=db, **options)(function)

    return register


def test_runs_once_for_a_slot_however_often_it_is_woken(registered):
    ran = []
    registered(lambda *, now: ran.append(now) or 1)
    now = clock.now().replace(microsecond=0)
    assert [run_slot("test.job", now=now + SECOND * part) for part in (0, 0.5, 1)] == [1, 0, 1]
    assert ran == [now, now + SECOND]


def test_lets_a_slot_go_when_as_many_runs_as_may_be_are_still_going_on(registered):
    now, inner = clock.now(), []

    def slow(*, now):
        if len(inner) < 2:
            inner.append(now)
            inner.append(run_slot("test.job", now=now + SECOND))
        return 7

    registered(slow, at_once=1)
    assert run_slot("test.job", now=now) == 7
    assert inner == [now, 0]
    assert run_slot("test.job", now=now + SECOND) == 7


def test_takes_a_run_without_an_end_for_dead_after_a_minute(registered, superuser):
    registered(lambda *, now: 1, at_once=1)
    now = clock.now()
    superuser.execute(
        "INSERT INTO sync.job_runs (job, slot, error, handled) VALUES ('test.job', %s, '', 0)", [now]
    )
    assert run_slot("test.job", now=now + 30 * SECOND) == 0
    assert run_slot("test.job", now=now + 61 * SECOND) == 1


def test_is_overdue_when_its_last_slots_did_not_run(registered):
    registered(lambda *, now: 1)
    now = clock.now()
    assert overdue(db, now=now) == ["test.job"]
    run_slot("test.job", now=now)
    assert overdue(db, now=now + SECOND) == []
    assert overdue(db, now=now + 5 * SECOND) == ["test.job"]
