"""Fixtures of all tests: the database of this worker, cleaned after each test that used it, and an HTTP client.

Tests commit for real, as the platform does: row-level security, on-commit wake-ups and races only exist then.
"""

import os
import select

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from psycopg.pq import TransactionStatus

from kernel.logs import configure_logging
from kernel.ratelimit import forget
from mpac.pgw.services import breakers, rule_books
from mpac.pgw.services.slots import slots
from tests.plugin import TEMPLATE, admin_connection

CLEAN = """
DO $$
DECLARE found record; filled boolean;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR found IN
    SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
    WHERE schemaname IN ('portal', 'audit', 'pgw', 'smarttab', 'sync')
      AND tablename NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
      AND format('%I.%I', schemaname, tablename) NOT IN (SELECT name FROM public.kept)
  LOOP
    EXECUTE 'SELECT EXISTS (SELECT 1 FROM ONLY ' || found.name || ')' INTO filled;
    IF filled THEN EXECUTE 'DELETE FROM ONLY ' || found.name; END IF;
  END LOOP;
END $$
"""
# Tables that migrations fill (lookups) keep their rows.
KEEP = """
CREATE TABLE IF NOT EXISTS public.kept (name text);
DO $$
DECLARE found record; filled boolean;
BEGIN
  FOR found IN SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
    WHERE schemaname IN ('portal', 'audit', 'pgw', 'smarttab', 'sync')
  LOOP
    EXECUTE 'SELECT EXISTS (SELECT 1 FROM ONLY ' || found.name || ')' INTO filled;
    IF filled THEN INSERT INTO public.kept VALUES (found.name); END IF;
  END LOOP;
END $$
"""


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker):
    """This worker's clone of the migrated template, for every alias."""
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with admin_connection("postgres") as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        admin.execute("SELECT pg_advisory_lock(1)")
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
        admin.execute("SELECT pg_advisory_unlock(1)")
    with admin_connection(name) as admin:
        admin.execute(KEEP)
    for alias in connections:
        connections[alias].settings_dict["NAME"] = name
        connections.settings[alias]["NAME"] = name
    yield name
    with django_db_blocker.unblock():
        connections.close_all()


class Cleaner:
    """Empties this worker's database. A connection that stays open has planned the many small statements already."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._connection = admin_connection(name)

    def __call__(self) -> None:
        try:
            self._connection.execute(CLEAN)
        except psycopg.OperationalError:  # a test took the server away, or all its connections
            self._connection.close()
            self._connection = admin_connection(self._name)
            self._connection.execute(CLEAN)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="session")
def clean(django_db_setup):
    """What empties the databases after a test."""
    cleaner = Cleaner(django_db_setup)
    yield cleaner
    cleaner.close()


def close_broken() -> None:
    """Close the connections that the next test can not go on with: in a transaction, or left by the server.

    The others stay open, for what PostgreSQL has learned of tables and statements goes with its connection.
    """
    for connection in connections.all(initialized_only=True):
        held = connection.connection
        if held is None:
            continue
        idle = not held.closed and held.info.transaction_status == TransactionStatus.IDLE
        # Nobody speaks to who is idle but to say farewell.
        told = idle and select.select([held.fileno()], [], [], 0)[0]
        if connection.in_atomic_block or connection.needs_rollback or not idle or told:
            connection.close()


@pytest.fixture
def database(django_db_setup, django_db_blocker, clean):
    """The databases of all contexts, with the runtime roles; emptied afterwards. Gives the database's name."""
    with django_db_blocker.unblock():
        close_broken()
        yield django_db_setup
        close_broken()
    clean()


@pytest.fixture
def superuser(database):
    """A superuser connection to this worker's database, to look where no role may."""
    with admin_connection(database) as connection:
        yield connection


@pytest.fixture
def api(database) -> Client:
    """A client that speaks to the whole URL configuration."""
    return Client(raise_request_exception=False)


@pytest.fixture(scope="session", autouse=True)
def logs():
    """Log as the processes do: scrubbed JSON lines."""
    configure_logging()


@pytest.fixture(scope="session", autouse=True)
def packages(tmp_path_factory):
    """Where this worker keeps packages of apps."""
    folder = tmp_path_factory.mktemp("packages")
    settings.MPAC_PACKAGES_DIR = folder
    settings.STORAGES["packages"]["OPTIONS"]["location"] = str(folder)
    return folder


@pytest.fixture(autouse=True)
def fresh_limits():
    """Rate limits start anew for each test."""
    forget()


@pytest.fixture(autouse=True)
def fresh_memory():
    """What the gateway remembers for a moment is not another test's."""
    breakers.forget()
    rule_books.forget()
    slots.forget()
