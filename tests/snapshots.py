"""What a database holds at one moment, to be put back into it when it was emptied: cheaper than to make it again."""

from dataclasses import dataclass

import psycopg
from django.conf import settings
from psycopg import sql

# Columns that are generated are made again, and lookups are never emptied.
FILLED = """
SELECT n.nspname, c.relname,
  (SELECT array_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
  AND format('%%I.%%I', n.nspname, c.relname) NOT IN (SELECT name FROM public.kept)
ORDER BY c.oid
"""


@dataclass(frozen=True)
class Rows:
    """The rows of one table, as COPY writes them."""

    copy: sql.Composed
    data: bytes


def take(connection: psycopg.Connection) -> list[Rows]:
    """The rows of every table that has some."""
    found = []
    for schema, table, columns in connection.execute(FILLED, [list(settings.MPAC_CONTEXTS)]).fetchall():
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        where = sql.Identifier(schema, table)
        with connection.cursor().copy(
            sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(names, where)
        ) as copy:
            data = b"".join(map(bytes, copy))
        if data:
            found.append(Rows(sql.SQL("COPY {} ({}) FROM STDIN").format(where, names), data))
    return found


def restore(connection: psycopg.Connection, taken: list[Rows]) -> None:
    """Put them back, without what triggers and references would do about new ones."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for rows in taken:
            with connection.cursor().copy(rows.copy) as copy:
                copy.write(rows.data)
