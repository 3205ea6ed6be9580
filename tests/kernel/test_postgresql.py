"""Pooled connections that the server ended while they were idle ..."""

import psycopg
import pytest
from django.conf import settings

from kernel.postgresql.base import DatabaseWrapper, has_been_ended

HANG_UP = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'pooled'"


@pytest.fixture
def wrapper(database):
    """A connection of its own with a pool of three."""
    given = settings.DATABASES["pgw"]
    options = {**given["OPTIONS"], "application_name": "pooled", "pool": {"min_size": 3, "timeout": 5}}
    wrapper = DatabaseWrapper({**given, "NAME": database, "OPTIONS": options}, alias="pooled")
    wrapper.pool.open(wait=True)
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def ask(wrapper) -> int:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_are_replaced_before_anybody_uses_them(wrapper, superuser):
    before = ask(wrapper)
    wrapper.close()
    assert superuser.execute(HANG_UP).rowcount == 3
    assert ask(wrapper) != before


def test_are_kept_while_they_are_alive(wrapper):
    used = set()
    for _ in range(12):
        used.add(ask(wrapper))
        wrapper.close()
    assert len(used) <= 3
    assert wrapper.pool.get_stats().get("connections_num") == 3


def test_are_told_from_those_that_are_only_idle(database, superuser):
    with psycopg.connect(superuser.info.dsn, autocommit=True) as connection:
        connection.execute("SELECT 1")
        assert not has_been_ended(connection)
        superuser.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
        assert has_been_ended(connection)
        connection.close()
        assert has_been_ended(connection)
