"""Celery leaves the logs to us."""

from config.celery import app


def test_what_a_job_logs_is_not_taken_for_output_and_dropped():
    assert not app.conf.worker_redirect_stdouts
    assert not app.conf.worker_hijack_root_logger
