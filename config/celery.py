"""Celery: one task that runs a job's slot, and a static schedule made from the registered jobs.

The truth about what ran is the `job_runs` table of each context. Beat only wakes the worker; when it or Redis is
away, the relay runs slots that are overdue.
"""

import os

import django
from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from kernel import clock, jobs  # noqa: E402  (needs the loaded applications)

app = Celery("mpac")
app.conf.update(settings.CELERY)
app.conf.beat_schedule = {
    job.name: {
        "task": "mpac.run_job",
        "schedule": job.every_s,
        "args": [job.name],
        "options": {"expires": job.every_s},
    }
    for job in jobs.registered()
}
app.conf.beat_schedule_filename = str(settings.MPAC_STATE_DIR / "celerybeat-schedule")


@app.task(name="mpac.run_job")
def run_job(name: str) -> int:
    """Run the current slot of the job `name` unless it already ran; returns how many items it handled."""
    return jobs.run_slot(name, now=clock.now())
