"""Range partitions by month or day (UTC) for ordinary Django models.

A model keeps `id` as its primary key for the ORM; its table has PRIMARY KEY (id, created_at), because PostgreSQL wants
the partition column in it. A row that fits no partition goes to the DEFAULT partition instead of failing, and being
there is an alarm: such rows make attaching the partition they belong to fail until `move_default_rows` has run.

Upkeep runs as the schema's owner, beside traffic: new partitions are filled and secured before they are attached, which
takes no lock that blocks reads or writes of the parent, and every step gives up after `LOCK_TIMEOUT` rather than queue.
Rows are never deleted one by one: `detach` leaves a table for whoever archives it, `drop` ends one that nobody needs.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import psycopg
from django.db import migrations, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

LOCK_TIMEOUT = "1s"
Step = Literal["month", "day"]
Secure = Callable[[Any, str], None]
Connection = BaseDatabaseWrapper | psycopg.Connection[Any]
_BOUND = re.compile(r"FROM \('([^']+)'\) TO \('([^']+)'\)")


class CreatePartitionedModel(migrations.CreateModel):
    """`CreateModel` for a partitioned table with a DEFAULT partition; it replaces the generated operation."""

    def __init__(self, *args: Any, partition_by: str = "created_at", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.partition_by = partition_by

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        name, args, kwargs = super().deconstruct()
        return name, args, {**kwargs, "partition_by": self.partition_by}

    def reduce(self, operation: Any, app_label: str) -> bool:
        """Never merge with another operation: squashing would make an ordinary table of it."""
        return False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        quote = schema_editor.quote_name
        key = model._meta.pk
        column = quote(model._meta.get_field(self.partition_by).column)
        table = model._meta.db_table
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = (
            f"CREATE TABLE %(table)s (%(definition)s, PRIMARY KEY ({quote(key.column)}, {column}))"
            f" PARTITION BY RANGE ({column})"
        )
        key.primary_key = False  # in the historical model only: the column itself must not say PRIMARY KEY
        try:
            schema_editor.create_model(model)
        finally:
            key.primary_key = True
            schema_editor.sql_create_table = plain
        schema_editor.execute(f"CREATE TABLE {quote(table + '_default')} PARTITION OF {quote(table)} DEFAULT")


@dataclass(frozen=True, slots=True)
class Part:
    """One attached partition: rows with `starts_at <= created_at < ends_at`."""

    name: str
    starts_at: datetime
    ends_at: datetime


class Partitions:
    """Upkeep of one partitioned table, through a Django or a psycopg connection whose role owns the table.

    `secure(cursor, table_name)` is called for every new partition before it is attached, to give it the row-level
    security of its parent. A step that cannot get its lock raises; running it again later is always safe.
    """

    def __init__(
        self,
        connection: Connection,
        table: str,
        *,
        secure: Secure | None = None,
        step: Step = "month",
        partition_by: str = "created_at",
    ) -> None:
        self.connection = connection
        self.table = table
        self.step = step
        self.partition_by = partition_by
        self._secure = secure

    def existing(self) -> list[Part]:
        """The attached partitions but the DEFAULT one, oldest first, with the bounds that the server holds."""
        with _upkeep(self.connection) as cursor:
            return self._existing(cursor)

    def ensure(self, *, ahead: int, now: datetime) -> list[str]:
        """Make the partition of `now` and the next `ahead`; returns the names of the new ones."""
        made = []
        starts_at = self._start(now)
        missing_from = {part.starts_at for part in self.existing()}
        for _ in range(ahead + 1):
            if starts_at not in missing_from and (name := self._make(starts_at, move=False)):
                made.append(name)
            starts_at = self._next(starts_at)
        return made

    def default_rows(self) -> int:
        """How many rows lie in the DEFAULT partition; anything but 0 is an alarm."""
        with _upkeep(self.connection) as cursor:
            cursor.execute(f"SELECT count(*) FROM {_quote(self.default)}")
            return int(cursor.fetchone()[0])

    def move_default_rows(self) -> int:
        """Give the rows of the DEFAULT partition partitions of their own, one period a transaction; returns how many.

        Writers of the default partition wait while their period moves; writers of other partitions do not.
        """
        moved = 0
        while starts_at := self._oldest_default_row():
            before = self.default_rows()
            self._make(self._start(starts_at), move=True)
            moved += before - self.default_rows()
        return moved

    def expired(self, *, keep: timedelta, now: datetime) -> list[Part]:
        """The partitions whose every row is older than `keep`."""
        return [part for part in self.existing() if part.ends_at <= now - keep]

    def detach(self, part: Part) -> None:
        """Take a partition out of its parent; its table and rows stay.

        Not CONCURRENTLY, which PostgreSQL refuses beside a DEFAULT partition: the parent is locked for an instant.
        """
        with _upkeep(self.connection) as cursor:
            cursor.execute(f"ALTER TABLE {_quote(self.table)} DETACH PARTITION {_quote(part.name)}")

    def drop(self, part: Part, *, keep_while: str) -> bool:
        """End a partition with its rows, unless one of them meets a condition; returns whether it is gone."""
        with _upkeep(self.connection) as cursor:
            cursor.execute(f"LOCK TABLE {_quote(self.table)} IN ACCESS EXCLUSIVE MODE")
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {_quote(part.name)} WHERE {keep_while})")
            if cursor.fetchone()[0]:
                return False
            cursor.execute(f"DROP TABLE {_quote(part.name)}")
        return True

    @property
    def default(self) -> str:
        """The name of the DEFAULT partition."""
        return f"{self.table}_default"

    def _make(self, starts_at: datetime, *, move: bool) -> str | None:
        ends_at = self._next(starts_at)
        name = f"{self.table}_{starts_at:%Y_%m}" + (f"_{starts_at:%d}" if self.step == "day" else "")
        parent, child = _quote(self.table), _quote(name)
        bounds = (starts_at.isoformat(), ends_at.isoformat())
        with _upkeep(self.connection) as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"partitions:{self.table}"]
            )
            if any(part.starts_at == starts_at for part in self._existing(cursor)):
                return None  # somebody else has just made it
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {child} (LIKE {parent}"
                " INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING GENERATED)"
            )
            if move:
                self._move(cursor, child, bounds)
            if self._secure:
                self._secure(cursor, name)
            cursor.execute(
                f"ALTER TABLE {parent} ATTACH PARTITION {child} FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')"
            )
        return name

    def _move(self, cursor: Any, child: str, bounds: tuple[str, str]) -> None:
        """Append-only triggers guard rows against change, not against moving house: off for this transaction."""
        default, column = _quote(self.default), _quote(self.partition_by)
        cursor.execute(f"LOCK TABLE {default} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(f"ALTER TABLE {default} DISABLE TRIGGER USER")
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = '' ORDER BY attnum",
            [default],
        )
        columns = ", ".join(_quote(name) for (name,) in cursor.fetchall())
        cursor.execute(
            f"WITH moved AS (DELETE FROM {default} WHERE {column} >= %s AND {column} < %s RETURNING {columns})"
            f" INSERT INTO {child} ({columns}) SELECT {columns} FROM moved",
            bounds,
        )
        cursor.execute(f"ALTER TABLE {default} ENABLE TRIGGER USER")

    def _oldest_default_row(self) -> datetime | None:
        with _upkeep(self.connection) as cursor:
            cursor.execute(f"SELECT min({_quote(self.partition_by)}) FROM {_quote(self.default)}")
            found: datetime | None = cursor.fetchone()[0]
            return found

    def _existing(self, cursor: Any) -> list[Part]:
        cursor.execute(
            "SELECT child.relname, pg_get_expr(child.relpartbound, child.oid)"
            " FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = %s::regclass",
            [_quote(self.table)],
        )
        parts = []
        for name, expression in cursor.fetchall():
            if bound := _BOUND.search(expression):
                parts.append(Part(name, datetime.fromisoformat(bound[1]), datetime.fromisoformat(bound[2])))
        return sorted(parts, key=lambda part: part.starts_at)

    def _start(self, instant: datetime) -> datetime:
        day = instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return day.replace(day=1) if self.step == "month" else day

    def _next(self, starts_at: datetime) -> datetime:
        if self.step == "day":
            return starts_at + timedelta(days=1)
        return (starts_at + timedelta(days=32)).replace(day=1)


@contextmanager
def _upkeep(connection: Connection) -> Iterator[Any]:
    """A transaction that sees all tenants' rows, prints bounds in UTC and never waits long for a lock."""
    block: AbstractContextManager[Any] = (
        connection.transaction()
        if isinstance(connection, psycopg.Connection)
        else transaction.atomic(using=connection.alias)  # noqa: TID251
    )
    with block, connection.cursor() as cursor:
        cursor.execute(
            f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL timezone TO 'UTC';"
            " SET LOCAL app.system = 'upkeep'"
        )
        yield cursor


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
