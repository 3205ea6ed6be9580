"""`manage.py db_health` finds ..."""

import threading
from contextlib import closing, contextmanager

import orjson
import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command

from kernel import dbhealth
from kernel.db import address_of, login_of
from kernel.upkeep import owner_connection
from tests.plugin import admin_connection


@pytest.fixture
def looked(database, capsys):
    """Runs the command; gives its exit code and its findings by place and check."""

    def look(*arguments: str):
        code = 0
        try:
            call_command("db_health", "--json", *arguments)
        except SystemExit as stopped:
            code = stopped.code
        told = orjson.loads(capsys.readouterr().out)
        found = {
            where: None if results is None else {each["code"]: each for each in results}
            for where, results in told["found"].items()
        }
        assert told["alarms"] >= code
        return code, found

    return look


@pytest.fixture
def owner(database):
    """The owner of the sync context's tables."""
    with closing(owner_connection("sync")) as connection:
        yield connection


def server(found):
    return next(results for where, results in found.items() if where.startswith("server"))


def about(result, name):
    return [row for row in result["rows"] if name in str(next(iter(row.values())))]


def test_nothing_to_alarm_about_on_a_healthy_server_with_the_contexts_own_roles(looked):
    code, found = looked()
    assert code == 0
    assert set(settings.MPAC_CONTEXTS) < found.keys()
    assert len(found) == len(settings.MPAC_CONTEXTS) + 1
    assert [row["ahead"] for row in found["pgw"]["partitions"]["rows"]].count(3) >= 5
    assert len(found["pgw"]["sizes"]["rows"]) == 10
    assert server(found)["connections"]["rows"][0]["used"] > 0


def test_an_index_that_nobody_reads_and_one_that_is_there_twice(looked, owner, superuser, monkeypatch):
    monkeypatch.setitem(dbhealth.THRESHOLDS, "unused_bytes", 8192)
    for name in ("planted", "again"):
        owner.execute(f"CREATE INDEX {name} ON sync.job_runs (handled, job)")
    try:
        _, found = looked("--context", "sync")
        assert about(found["sync"]["unused"], "planted")[0]["table"] == "job_runs"
        assert found["sync"]["twice"]["rows"][0]["indexes"] == "again, planted"
        assert about(found["sync"]["unused"], "job_once") == []  # holds a constraint
        superuser.execute("SET enable_seqscan = off; SET search_path = sync")
        owner.execute("DROP INDEX sync.again")
        superuser.execute("SELECT handled FROM sync.job_runs WHERE handled = 5")
        superuser.execute("SELECT pg_stat_force_next_flush()")
        _, found = looked("--context", "sync")
        assert about(found["sync"]["unused"], "planted") == []
    finally:
        owner.execute("DROP INDEX IF EXISTS sync.planted, sync.again")


def test_dead_rows(looked, superuser):
    superuser.execute(
        "INSERT INTO sync.nonces (key_id, nonce, expires_at) SELECT 'k', n::text, now() FROM generate_series(1, 12000) n"
    )
    superuser.execute("DELETE FROM sync.nonces")
    superuser.execute("SELECT pg_stat_force_next_flush()")
    try:
        code, found = looked("--context", "sync")
        (row,) = about(found["sync"]["bloat"], "nonces")
        assert (code, row["dead_percent"] > 20, row["dead"] >= 12_000) == (1, True, True)
    finally:
        superuser.execute("VACUUM sync.nonces")


def test_a_partition_that_is_missing_and_rows_beside_the_partitions(looked, superuser, owner):
    name = superuser.execute("SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'sync.outbox'::regclass"
                             " AND inhrelid::regclass::text !~ 'default'").fetchone()[0]  # fmt: skip
    bounds = superuser.execute(
        f"SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = '{name}'::regclass"
    ).fetchone()[0]
    owner.execute(f"ALTER TABLE sync.outbox DETACH PARTITION {name}")
    try:
        code, found = looked("--context", "sync")
        (row,) = about(found["sync"]["partitions"], "outbox")
        assert (code, row["ahead"], row["alarm"]) == (1, 2, True)
    finally:
        owner.execute(f"ALTER TABLE sync.outbox ATTACH PARTITION {name} {bounds}")


@contextmanager
def session(**login):
    with closing(psycopg.connect(**address_of("sync"), **(login or login_of("sync")))) as connection:
        yield connection


def test_a_transaction_that_stays_open(looked, monkeypatch):
    monkeypatch.setitem(dbhealth.THRESHOLDS, "transaction_s", 0)
    with session() as connection:
        connection.execute("SELECT 1")
        code, found = looked()
        rows = [
            row for row in server(found)["transactions"]["rows"] if row["pid"] == connection.info.backend_pid
        ]
    assert (code, [row["role"] for row in rows], [row["state"] for row in rows]) == (
        1,
        ["mpac_sync"],
        ["idle in transaction"],
    )


def test_sessions_of_others_only_with_a_role_that_may_see_them(looked, superuser, monkeypatch, settings):
    monkeypatch.setitem(dbhealth.THRESHOLDS, "transaction_s", 0)
    with admin_connection(superuser.info.dbname) as other, other.transaction():
        pid = other.info.backend_pid
        transactions = server(looked()[1])["transactions"]
        assert [row for row in transactions["rows"] if row["pid"] == pid] == []
        assert "pg_monitor" in transactions["note"]
        settings.MPAC_MONITOR_LOGIN = {"user": superuser.info.user, "password": superuser.info.password}
        transactions = server(looked()[1])["transactions"]
        assert [row["role"] for row in transactions["rows"] if row["pid"] == pid] == ["postgres"]
        assert transactions["note"] == ""


def test_who_waits_for_a_lock_and_who_holds_it_up(looked, superuser, monkeypatch):
    monkeypatch.setitem(dbhealth.THRESHOLDS, "lock_s", 0)
    with session() as holder, session() as waiter:
        for each in (holder, waiter):
            each.execute("SET statement_timeout = '20s'")
            each.commit()
        holder.execute("SELECT pg_advisory_xact_lock(4711)")
        thread = threading.Thread(target=waiter.execute, args=("SELECT pg_advisory_xact_lock(4711)",))
        thread.start()
        waits = "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted AND waitstart IS NOT NULL"
        while not superuser.execute(waits, [waiter.info.backend_pid]).fetchone():
            pass
        code, found = looked()
        (row,) = server(found)["locks"]["rows"]
        pids = [each.info.backend_pid for each in (waiter, holder)]
        holder.rollback()
        thread.join()
    assert (code, row["pid"], row["held_up_by"]) == (1, pids[0], f"{{{pids[1]}}}")


def test_slow_statements_where_they_are_collected_and_else_says_how(looked, superuser, monkeypatch):
    note = looked("--context", "sync")[1]["sync"]["statements"]["note"]
    assert "CREATE EXTENSION pg_stat_statements" in note
    superuser.execute("CREATE SCHEMA monitoring; CREATE EXTENSION pg_stat_statements SCHEMA monitoring")
    superuser.execute("GRANT USAGE ON SCHEMA monitoring TO mpac_sync")
    try:
        monkeypatch.setitem(dbhealth.THRESHOLDS, "slow_ms", 20)
        monkeypatch.setitem(dbhealth.THRESHOLDS, "slow_calls", 1)
        with session() as connection:
            connection.execute("SELECT pg_sleep(0.03) AS planted")
        code, found = looked("--context", "sync")
        (row,) = [row for row in found["sync"]["statements"]["rows"] if "planted" in row["text"]]
        assert (code, row["calls"], row["alarm"], row["mean_ms"] >= 30) == (1, 1, True, True)
        assert "0.03" not in row["text"]
    finally:
        superuser.execute("DROP SCHEMA monitoring CASCADE")


def test_that_a_database_is_away(looked, monkeypatch, settings):
    settings.MPAC_MONITOR_LOGIN = {"user": "nobody", "password": "wrong-password-of-tests"}
    code, found = looked("--context", "sync")
    assert (code, found) == (1, {"sync": None})


def test_and_shows_it_to_people(database, capsys):
    call_command("db_health", "--context", "sync")
    text = capsys.readouterr().out
    assert "== sync" in text
    assert "ok     none: tables with many dead rows" in text
    assert text.endswith("0 alarms.\n")
