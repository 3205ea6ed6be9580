"""The pages for operations name what is missing and hide where it lives."""

import json

import pytest
from django.conf import settings as live_settings
from django.db import OperationalError, ProgrammingError
from django.test import RequestFactory
from redis.exceptions import ConnectionError as RedisGone

from kernel import health

ask = RequestFactory()
CONTEXTS = sorted(live_settings.MPAC_CONTEXTS)


class NoRedis:
    def ping(self):
        raise RedisGone("Error 111 connecting to 10.1.2.3:6379")


class Database:
    """Answers for a context's database: a lag in seconds, or the error that reaching it raises."""

    answers = {}

    def __init__(self, name, *, alias):
        self.answer = self.answers.get(name, 0)

    def atomic(self, scope):
        return self

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        return None

    def execute(self, sql, params):
        if isinstance(self.answer, Exception):
            raise self.answer
        return [(self.answer,)]


@pytest.fixture
def databases(monkeypatch):
    monkeypatch.setattr(health, "ContextDb", Database)
    monkeypatch.setattr(Database, "answers", {})
    return Database.answers


def ready():
    response = health.readyz(ask.get("/readyz"))
    return response.status_code, json.loads(response.content)


def test_a_living_process_says_so_without_touching_anything():
    response = health.livez(ask.get("/livez"))
    assert (response.status_code, json.loads(response.content)) == (200, {"status": "alive"})
    assert response["Cache-Control"] == "no-store"


def test_with_everything_there_it_is_ready(databases):
    assert ready() == (200, {"status": "ready", "missing": [], "degraded": []})


def test_it_is_ready_on_the_real_databases(database):
    assert ready() == (200, {"status": "ready", "missing": [], "degraded": []})


def test_a_database_that_is_away_is_named(databases):
    databases["pgw"] = OperationalError('connection to server at "10.1.2.3", user "mpac_pgw" failed')
    assert ready() == (
        503,
        {"status": "not_ready", "missing": ["database pgw: unreachable"], "degraded": []},
    )
    assert health.readyz(ask.get("/readyz"))["Retry-After"] == "5"


def test_a_database_without_tables_is_named(databases):
    databases["portal"] = ProgrammingError('relation "outbox" does not exist')
    assert ready()[1]["missing"] == ["database portal: not migrated"]


def test_every_missing_database_is_named(databases):
    databases |= dict.fromkeys(CONTEXTS, OperationalError("gone"))
    status, body = ready()
    assert status == 503
    assert sorted(body["missing"]) == [f"database {name}: unreachable" for name in CONTEXTS]


def test_without_redis_it_is_degraded_but_ready(databases, monkeypatch):
    monkeypatch.setattr(health, "redis_client", NoRedis)
    assert ready() == (200, {"status": "degraded", "missing": [], "degraded": ["redis: unreachable"]})


def test_a_relay_that_lags_is_degraded_but_ready(databases):
    databases["smarttab"] = health.RELAY_LAG_LIMIT_S + 45.4
    status, body = ready()
    assert (status, body["status"]) == (200, "degraded")
    assert body["degraded"] == ["relay: the oldest event of smarttab has waited for 75 s"]


def test_figures_are_shown_in_prometheus_text(database):
    response = health.metrics(ask.get("/metrics"))
    assert response["Content-Type"].startswith("text/plain")
    assert b"mpac_request_duration_seconds" in response.content
    assert b"mpac_outbox_lag_seconds" in response.content


@pytest.mark.parametrize("view", [health.livez, health.readyz, health.metrics])
def test_the_pages_are_read_only(view):
    assert view(ask.post("/")).status_code == 405


def test_no_answer_is_to_be_taken_for_another_type(api):
    for path in ("/livez", "/v1/orders", "/nowhere", "/v1/openapi.json"):
        assert api.get(path)["X-Content-Type-Options"] == "nosniff"
