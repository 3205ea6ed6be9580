"""Partitions are made ahead of time, secured before they are attached, and never lose or block a write."""

import datetime as dt
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg
import pytest
from django.conf import settings
from django.db import connections, migrations, models
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.state import ProjectState

from kernel.partitions import CreatePartitionedModel, Part, Partitions
from kernel.schema import TableRules, secure
from kernel.upkeep import owner_connection

TABLE = "parted_rows"
NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)
RULES = TableRules(tenant="psp", partitioned=True)
OPERATION = CreatePartitionedModel(
    name="PartedRow",
    fields=[
        ("id", models.UUIDField(primary_key=True)),
        ("psp_id", models.IntegerField()),
        ("created_at", models.DateTimeField()),
        ("note", models.TextField(default="", db_default="none")),
        (
            "doubled",
            models.GeneratedField(
                expression=models.F("psp_id") * 2, output_field=models.IntegerField(), db_persist=True
            ),
        ),
    ],
    options={
        "db_table": TABLE,
        "indexes": [models.Index(fields=["psp_id", "created_at"], name="parted_rows_psp")],
        "constraints": [
            models.CheckConstraint(condition=models.Q(psp_id__gt=0), name="parted_rows_psp_positive")
        ],
    },
)


def secure_pgw(cursor, table):
    secure(cursor, "pgw", table, RULES)


@pytest.fixture
def owner(database):
    """Django's connection as the schema's owner, with the partitioned table made by its migration operation."""
    role = settings.MPAC_DATABASE_OWNERS["pgw"]
    wrapper = DatabaseWrapper(
        connections["pgw"].settings_dict | {"USER": role["user"], "PASSWORD": role["password"]}, alias="pgw"
    )
    state = ProjectState()
    OPERATION.state_forwards("pgw", state)
    with wrapper.schema_editor() as editor:
        OPERATION.database_forwards("pgw", editor, ProjectState(), state)
    with wrapper.cursor() as cursor:
        for table in (TABLE, f"{TABLE}_default"):
            secure_pgw(cursor, table)
    wrapper.commit()
    yield wrapper
    wrapper.rollback()
    with wrapper.cursor() as cursor:
        cursor.execute(f'DROP TABLE "{TABLE}" CASCADE')
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'pgw' AND tablename LIKE %s", [f"{TABLE}%"]
        )
        for (left_over,) in cursor.fetchall():
            cursor.execute(f'DROP TABLE "{left_over}"')
    wrapper.close()


@pytest.fixture
def session(owner):
    """A psycopg connection as the owner, as the upkeep job uses."""
    with closing(owner_connection("pgw")) as connection:
        yield connection


@pytest.fixture
def partitions(session):
    return Partitions(session, TABLE, secure=secure_pgw)


def put(connection, created_at, *, psp_id=1, table=TABLE):
    with connection.cursor() as cursor, connection.transaction():
        cursor.execute("SET LOCAL app.system = 'upkeep'")
        cursor.execute(
            f'INSERT INTO "{table}" (id, psp_id, created_at) VALUES (gen_random_uuid(), %s, %s) RETURNING tableoid::regclass',
            [psp_id, created_at],
        )
        return cursor.fetchone()[0]


def scalar(connection, sql, params=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def month(year, number):
    return datetime(year, number, 1, tzinfo=UTC)


def test_the_table_is_partitioned_with_id_and_instant_as_its_key(session):
    assert scalar(session, f"SELECT pg_get_partkeydef('{TABLE}'::regclass)") == "RANGE (created_at)"
    key = scalar(
        session,
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' AND conrelid = %s::regclass",
        [TABLE],
    )
    assert key == "PRIMARY KEY (id, created_at)"
    assert put(session, NOW) == f"{TABLE}_default"


def test_the_model_keeps_its_simple_key_and_the_operation_can_be_written_down():
    state = ProjectState()
    OPERATION.state_forwards("pgw", state)
    model = state.apps.get_model("pgw", "PartedRow")
    assert model._meta.pk.name == "id"
    assert model._meta.pk.primary_key
    name, args, kwargs = OPERATION.deconstruct()
    assert (name, args) == ("CreatePartitionedModel", [])
    assert CreatePartitionedModel(**kwargs).deconstruct() == (name, args, kwargs)
    assert OPERATION.reduce(migrations.DeleteModel("PartedRow"), "pgw") is False


def test_this_month_and_those_ahead_are_made_once(partitions):
    assert partitions.ensure(ahead=3, now=NOW) == [
        f"{TABLE}_2026_11",
        f"{TABLE}_2026_12",
        f"{TABLE}_2027_01",
        f"{TABLE}_2027_02",
    ]
    assert partitions.ensure(ahead=3, now=NOW) == []
    assert partitions.ensure(ahead=3, now=NOW + timedelta(days=12)) == [f"{TABLE}_2027_03"]
    assert partitions.existing()[0] == Part(f"{TABLE}_2026_11", month(2026, 11), month(2026, 12))
    edges = [(part.starts_at, part.ends_at) for part in partitions.existing()]
    assert all(one[1] == two[0] for one, two in pairwise(edges))


def test_bounds_are_utc_whatever_the_session_speaks(session, partitions):
    session.execute("SET timezone TO 'Asia/Bangkok'")
    late = datetime(2026, 12, 1, 2, tzinfo=dt.timezone(timedelta(hours=7)))
    partitions.ensure(ahead=1, now=late)
    assert [part.name for part in partitions.existing()] == [f"{TABLE}_2026_11", f"{TABLE}_2026_12"]
    assert partitions.existing()[0].starts_at == month(2026, 11)
    assert put(session, late) == f"{TABLE}_2026_11"
    assert put(session, month(2026, 12)) == f"{TABLE}_2026_12"
    assert session.execute("SHOW timezone").fetchone()[0] == "Asia/Bangkok"


def test_a_partition_has_the_parents_keys_indexes_checks_defaults_and_security(session, partitions):
    partitions.ensure(ahead=0, now=NOW)
    child = f"{TABLE}_2026_11"
    assert scalar(
        session, "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = %s", [child]
    )
    assert scalar(session, "SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass", [child]) == 2
    assert scalar(session, "SELECT count(*) FROM pg_policy WHERE polrelid = %s::regclass", [child]) == 1
    put(session, NOW)
    with session.transaction():
        session.execute("SET LOCAL app.system = 'upkeep'")
        assert scalar(session, f"SELECT note FROM {child}") == "none"
    with pytest.raises(psycopg.errors.CheckViolation):
        put(session, NOW, psp_id=-1)


def test_a_partition_read_by_its_name_shows_nothing_without_a_scope(session, partitions):
    partitions.ensure(ahead=0, now=NOW)
    put(session, NOW)
    assert scalar(session, f"SELECT count(*) FROM {TABLE}_2026_11") == 0
    assert scalar(session, f"SELECT count(*) FROM {TABLE}") == 0


def test_days_are_partitioned_the_same_way(session):
    daily = Partitions(session, TABLE, step="day", secure=secure_pgw)
    assert daily.ensure(ahead=1, now=datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == [
        f"{TABLE}_2026_12_31",
        f"{TABLE}_2027_01_01",
    ]


def test_rows_without_a_partition_are_kept_counted_and_moved(session, partitions):
    for created_at in (NOW, NOW, NOW + timedelta(days=40), NOW - timedelta(days=400)):
        assert put(session, created_at) == f"{TABLE}_default"
    assert partitions.default_rows() == 4
    with pytest.raises(psycopg.errors.CheckViolation):
        partitions.ensure(ahead=0, now=NOW)
    assert partitions.move_default_rows() == 4
    assert partitions.default_rows() == 0
    assert [part.name for part in partitions.existing()] == [
        f"{TABLE}_2025_10",
        f"{TABLE}_2026_11",
        f"{TABLE}_2026_12",
    ]
    with session.transaction():
        session.execute("SET LOCAL app.system = 'upkeep'")
        assert scalar(session, f"SELECT count(*) FROM {TABLE}") == 4
        assert (
            scalar(session, f"SELECT count(*) FROM {TABLE}_2026_11 WHERE doubled = 2 AND note = 'none'") == 2
        )
    assert partitions.move_default_rows() == 0


def test_append_only_rows_can_be_moved_and_stay_append_only(session, partitions):
    session.execute(
        "CREATE FUNCTION parted_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'append-only'"
        " USING ERRCODE = 'check_violation'; END $$"
    )
    session.execute(
        f"CREATE TRIGGER parted_append_only BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION parted_refuse()"
    )
    try:
        put(session, NOW)
        assert partitions.move_default_rows() == 1
        put(session, NOW + timedelta(days=300))
        with session.transaction():
            session.execute("SET LOCAL app.system = 'upkeep'")
            for table in (f"{TABLE}_2026_11", f"{TABLE}_default"):
                with pytest.raises(psycopg.errors.CheckViolation, match="append-only"), session.transaction():
                    session.execute(f"DELETE FROM {table}")
    finally:
        session.execute("DROP FUNCTION parted_refuse() CASCADE")


def test_expired_partitions_are_those_wholly_before_the_edge(partitions):
    partitions.ensure(ahead=2, now=datetime(2026, 1, 10, tzinfo=UTC))
    keep = timedelta(days=30)
    assert partitions.expired(keep=keep, now=datetime(2026, 3, 2, tzinfo=UTC)) == []
    assert [part.name for part in partitions.expired(keep=keep, now=datetime(2026, 3, 3, tzinfo=UTC))] == [
        f"{TABLE}_2026_01"
    ]


def test_a_detached_partition_keeps_its_rows_and_its_walls(session, partitions):
    partitions.ensure(ahead=0, now=NOW)
    put(session, NOW)
    (part,) = partitions.existing()
    partitions.detach(part)
    assert partitions.existing() == []
    assert scalar(session, f"SELECT count(*) FROM {part.name}") == 0
    with session.transaction():
        session.execute("SET LOCAL app.system = 'upkeep'")
        assert scalar(session, f"SELECT count(*) FROM {part.name}") == 1
        assert scalar(session, f"SELECT count(*) FROM {TABLE}") == 0


def test_making_a_partition_does_not_wait_for_writers_nor_they_for_it(session, partitions):
    partitions.ensure(ahead=0, now=NOW)
    with closing(owner_connection("pgw")) as writer, writer.transaction():
        writer.execute("SET LOCAL app.system = 'upkeep'")
        writer.execute(
            f"INSERT INTO {TABLE} (id, psp_id, created_at) VALUES (gen_random_uuid(), 1, %s)", [NOW]
        )
        assert partitions.ensure(ahead=1, now=NOW) == [f"{TABLE}_2026_12"]


def test_a_lock_is_not_waited_for_longer_than_a_second(session, partitions):
    partitions.ensure(ahead=0, now=NOW)
    with closing(owner_connection("pgw")) as reader, reader.transaction():
        reader.execute(f"LOCK TABLE {TABLE} IN ACCESS SHARE MODE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            partitions.detach(partitions.existing()[0])
    assert len(partitions.existing()) == 1
    assert scalar(session, "SHOW lock_timeout") != "1s"


def test_a_step_that_failed_leaves_nothing_behind(session):
    def refuse(cursor, table):
        raise RuntimeError(table)

    with pytest.raises(RuntimeError):
        Partitions(session, TABLE, secure=refuse).ensure(ahead=0, now=NOW)
    assert scalar(session, "SELECT to_regclass(%s)", [f"{TABLE}_2026_11"]) is None
    assert Partitions(session, TABLE, secure=secure_pgw).ensure(ahead=0, now=NOW) == [f"{TABLE}_2026_11"]


def test_djangos_connection_serves_as_well(owner):
    partitions = Partitions(owner, TABLE, secure=secure_pgw)
    assert partitions.ensure(ahead=1, now=NOW) == [f"{TABLE}_2026_11", f"{TABLE}_2026_12"]
    assert partitions.default_rows() == 0
    assert len(partitions.existing()) == 2
