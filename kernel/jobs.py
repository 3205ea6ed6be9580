"""Scheduled jobs: declared once, run once per slot.

Celery beat wakes the workers; the unique row `(job, slot)` decides who runs. When beat, the worker or Redis is away, the
relay runs what is overdue, so that no promise about time depends on Redis.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kernel.db import ContextDb
from kernel.logs import get_logger
from kernel.scrubbing import scrub_text
from kernel.tenancy import SystemScope

logger = get_logger(__name__)

OVERDUE_SLOTS = 2
SCOPE = SystemScope("upkeep")

CLAIM = "INSERT INTO job_runs (job, slot, error, handled) VALUES (%s, %s, '', 0) ON CONFLICT DO NOTHING RETURNING 1"
FINISH = "UPDATE job_runs SET finished_at = now(), handled = %s, error = %s WHERE job = %s AND slot = %s"
LAST = "SELECT job, max(slot) FROM job_runs WHERE job = ANY(%s) GROUP BY job"


class JobFunction(Protocol):
    def __call__(self, *, now: dt.datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class Job:
    """A function that is due every `every_s` seconds and returns how many items it handled."""

    name: str
    every_s: int
    db: ContextDb
    function: JobFunction

    def slot(self, now: dt.datetime) -> dt.datetime:
        epoch = int(now.timestamp())
        return dt.datetime.fromtimestamp(epoch - epoch % self.every_s, dt.UTC)


_jobs: dict[str, Job] = {}


def job(name: str, *, every_s: int, db: ContextDb) -> Callable[[JobFunction], JobFunction]:
    """Register a function `(*, now) -> int` as the job `name`."""

    def register(function: JobFunction) -> JobFunction:
        _jobs[name] = Job(name, every_s, db, function)
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
        if not found.db.execute(CLAIM, [name, slot]):
            return 0
    handled, error = 0, ""
    try:
        handled = found.function(now=now)
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
