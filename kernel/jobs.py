"""Scheduled jobs: declared once, run once per slot.

Celery beat wakes the workers; the unique row `(job, slot)` decides who runs. When beat, the worker or Redis is away, the
relay runs what is overdue, so that no promise about time depends on Redis.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kernel import origin, tracing
from kernel.db import ContextDb
from kernel.logs import get_logger
from kernel.scrubbing import scrub_text
from kernel.tenancy import SystemScope

logger = get_logger(__name__)

OVERDUE_SLOTS = 2
SCOPE = SystemScope("upkeep")

CLAIM = "INSERT INTO job_runs (job, slot, error, handled) VALUES (%s, %s, '', 0) ON CONFLICT DO NOTHING RETURNING 1"
FINISH = "UPDATE job_runs SET finished_at = now(), handled = %s, error = %s WHERE job = %s AND slot = %s"
# A run without an end is still going on, or its process died; after this long it is taken for dead.
DEAD_AFTER = dt.timedelta(seconds=60)
RUNNING = "SELECT count(*) FROM job_runs WHERE job = %s AND slot > %s AND finished_at IS NULL"
# One look into the index a job; grouping would read every run of the week.
LAST = (
    "SELECT name, (SELECT max(slot) FROM job_runs WHERE job = name) FROM unnest(%s::text[]) AS names (name)"
)


class JobFunction(Protocol):
    def __call__(self, *, now: dt.datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class Job:
    """A function that is due every `every_s` seconds and returns how many items it handled."""

    name: str
    every_s: int
    db: ContextDb
    function: JobFunction
    at_once: int | None = None

    def slot(self, now: dt.datetime) -> dt.datetime:
        epoch = int(now.timestamp())
        return dt.datetime.fromtimestamp(epoch - epoch % self.every_s, dt.UTC)


_jobs: dict[str, Job] = {}


def job(
    name: str, *, every_s: int, db: ContextDb, at_once: int | None = None
) -> Callable[[JobFunction], JobFunction]:
    """Register a function `(*, now) -> int` as the job `name`.

    A run may last longer than `every_s`. With `at_once`, a slot is let go when that many runs are still going on, so that a
    slow job never takes all the workers.
    """

    def register(function: JobFunction) -> JobFunction:
        _jobs[name] = Job(name, every_s, db, function, at_once)
        return function

    return register


def registered() -> list[Job]:
    """All jobs, by name."""
    return [_jobs[name] for name in sorted(_jobs)]


def run_slot(name: str, *, now: dt.datetime) -> int:
    """Run the slot of `name` that `now` falls into, unless somebody has; returns how many items it handled."""
    found = _jobs[name]
    slot = found.slot(now)
    with found.db.atomic(SCOPE):
        if found.at_once is not None:
            ((running,),) = found.db.execute(RUNNING, [name, now - DEAD_AFTER])
            if running >= found.at_once:
                return 0
        if not found.db.execute(CLAIM, [name, slot]):
            return 0
    handled, error = 0, ""
    try:
        with (
            tracing.span("job", kind="consumer", job=name) as step,
            origin.from_origin(origin.by_itself(name)),
        ):
            handled = found.function(now=now)
            step.set(handled=handled)
    except Exception as failure:
        logger.exception("job failed", job=name)
        error = scrub_text(f"{type(failure).__name__}: {failure}")[:2000]
    with found.db.atomic(SCOPE):
        found.db.execute(FINISH, [handled, error, name, slot])
    return handled


def overdue(db: ContextDb, *, now: dt.datetime) -> list[str]:
    """The jobs of one context whose last slot lies more than two slots back."""
    ours = [each for each in registered() if each.db.alias == db.alias]
    with db.atomic(SCOPE):
        last = dict(db.execute(LAST, [[each.name for each in ours]]))
    return [each.name for each in ours if _is_overdue(each, last.get(each.name), now=now)]


def _is_overdue(found: Job, last: dt.datetime | None, *, now: dt.datetime) -> bool:
    return last is None or (now - last).total_seconds() > OVERDUE_SLOTS * found.every_s + 1
