"""What PostgreSQL says about the health of a context's tables, indexes and sessions.

Everything is read from the catalog and the statistics views, which any role may read: no superuser, no extension and no
grant beyond the context's own. Of sessions and statements a role sees the details of its own only; whoever names a role
with `pg_monitor` sees everybody's. Findings that need somebody now are alarms; the others are worth a look.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from kernel.db import address_of

Row = dict[str, Any]

THRESHOLDS = {
    "slow_ms": 200,  # mean time of a statement ...
    "slow_calls": 100,  # ... that was called at least so often
    "dead_rows": 10_000,  # dead rows of a table ...
    "dead_percent": 20,  # ... and their share
    "unused_bytes": 1024 * 1024,  # smaller indexes cost too little to be worth a thought
    "scanned_rows": 100_000,  # rows that one reading of a whole table goes through
    "transaction_s": 60,
    "lock_s": 5,
    "connections_percent": 80,
    "xid_age": 500_000_000,  # the server stops writing at two thousand million
    "slot_bytes": 10 * 1024**3,
    "cache_percent": 90,
    "cache_blocks": 1_000_000,
    "partitions_ahead": 3,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One query; each row is a finding, and its column `alarm` says whether somebody has to act.

    The first column names what the row is about. One that lists everything has rows also when all is well. Checks of the
    server are merged over the contexts that it holds.
    """

    code: str
    title: str
    query: LiteralString
    advice: str
    of_server: bool = False
    lists_all: bool = False


@dataclass(slots=True)
class Result:
    """What one check found, or why it could not look."""

    check: Check
    rows: list[Row] = field(default_factory=list)
    note: str = ""

    @property
    def alarms(self) -> int:
        return sum(bool(row["alarm"]) for row in self.rows)


SIZES = """
    SELECT coalesce(root.relname, c.relname) AS "table", count(*) AS parts, sum(pg_total_relation_size(c.oid))::bigint AS bytes,
           pg_size_pretty(sum(pg_total_relation_size(c.oid))) AS size, sum(greatest(c.reltuples, 0))::bigint AS rows,
           false AS alarm
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class root ON root.oid = i.inhparent
    WHERE n.nspname = %(schema)s AND c.relkind = 'r' GROUP BY 1 ORDER BY bytes DESC LIMIT 10
"""
PARTITIONS = """
    SELECT p.relname AS "table", count(c.oid) FILTER (WHERE c.relname !~ '_default$') AS partitions,
           count(c.oid) FILTER (WHERE c.relname !~ '_default$'
             AND c.relname > p.relname || to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')) AS ahead,
           coalesce(sum(s.n_live_tup) FILTER (WHERE c.relname ~ '_default$'), 0)::bigint AS in_default,
           pg_size_pretty(max(pg_total_relation_size(c.oid))) AS largest,
           count(c.oid) FILTER (WHERE c.relname !~ '_default$'
             AND c.relname > p.relname || to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')) < %(partitions_ahead)s
             OR coalesce(sum(s.n_live_tup) FILTER (WHERE c.relname ~ '_default$'), 0) > 0 AS alarm
    FROM pg_class p JOIN pg_namespace n ON n.oid = p.relnamespace JOIN pg_inherits i ON i.inhparent = p.oid
    JOIN pg_class c ON c.oid = i.inhrelid LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
    WHERE n.nspname = %(schema)s AND p.relkind = 'p' GROUP BY p.relname ORDER BY p.relname
"""
BLOAT = """
    SELECT relname AS "table", n_live_tup AS live, n_dead_tup AS dead,
           round(100.0 * n_dead_tup / (n_live_tup + n_dead_tup))::int AS dead_percent,
           greatest(last_vacuum, last_autovacuum)::timestamptz(0) AS last_vacuum,
           pg_size_pretty(pg_table_size(relid)) AS size, true AS alarm
    FROM pg_stat_user_tables WHERE schemaname = %(schema)s AND n_dead_tup >= %(dead_rows)s
      AND 100.0 * n_dead_tup / (n_live_tup + n_dead_tup) >= %(dead_percent)s ORDER BY n_dead_tup DESC LIMIT 20
"""
# An index of a partitioned table is used when one of its parts is. What holds a constraint is used by every write.
UNUSED = """
    SELECT coalesce(parent.relname, x.relname) AS "index", max(t.relname) AS "table",
           pg_size_pretty(sum(pg_relation_size(x.oid))) AS size, false AS alarm
    FROM pg_index d JOIN pg_class x ON x.oid = d.indexrelid JOIN pg_class t ON t.oid = d.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_stat_user_indexes s ON s.indexrelid = x.oid
    LEFT JOIN pg_inherits i ON i.inhrelid = x.oid LEFT JOIN pg_class parent ON parent.oid = i.inhparent
    WHERE n.nspname = %(schema)s AND NOT d.indisunique AND NOT d.indisexclusion
      AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.oid)
    GROUP BY 1 HAVING sum(s.idx_scan) = 0 AND sum(pg_relation_size(x.oid)) >= %(unused_bytes)s
    ORDER BY sum(pg_relation_size(x.oid)) DESC
"""
INVALID = """
    SELECT x.relname AS "index", t.relname AS "table", true AS alarm
    FROM pg_index d JOIN pg_class x ON x.oid = d.indexrelid JOIN pg_class t ON t.oid = d.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = %(schema)s AND NOT d.indisvalid ORDER BY 1
"""
TWICE = """
    SELECT string_agg(x.relname, ', ' ORDER BY x.relname) AS indexes, t.relname AS "table", false AS alarm
    FROM pg_index d JOIN pg_class x ON x.oid = d.indexrelid JOIN pg_class t ON t.oid = d.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = %(schema)s AND NOT t.relispartition
    GROUP BY t.relname, d.indrelid, d.indkey::text, d.indclass::text, d.indoption::text,
             pg_get_expr(d.indexprs, d.indrelid), pg_get_expr(d.indpred, d.indrelid)
    HAVING count(*) > 1
"""
SCANS = """
    SELECT relname AS "table", seq_scan AS whole_readings, seq_tup_read / seq_scan AS rows_each, idx_scan AS by_index,
           false AS alarm
    FROM pg_stat_user_tables WHERE schemaname = %(schema)s AND seq_scan > 0
      AND seq_tup_read / seq_scan >= %(scanned_rows)s ORDER BY seq_tup_read DESC LIMIT 10
"""
CACHE = """
    SELECT relname AS "table", heap_blks_hit AS hits, heap_blks_read AS reads,
           (100 * heap_blks_hit / (heap_blks_hit + heap_blks_read))::int AS percent, false AS alarm
    FROM pg_statio_user_tables WHERE schemaname = %(schema)s AND heap_blks_read >= %(cache_blocks)s
      AND 100 * heap_blks_hit / (heap_blks_hit + heap_blks_read) < %(cache_percent)s ORDER BY heap_blks_read DESC LIMIT 10
"""
WRAPAROUND = """
    SELECT c.relname AS "table", age(c.relfrozenxid) AS xid_age, true AS alarm
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relkind = 'r' AND age(c.relfrozenxid) >= %(xid_age)s ORDER BY 2 DESC LIMIT 5
"""
CONNECTIONS = """
    SELECT 'connections' AS what, count(*) AS used, current_setting('max_connections')::int AS most,
           count(*) * 100 / current_setting('max_connections')::int >= %(connections_percent)s AS alarm
    FROM pg_stat_activity WHERE backend_type = 'client backend' OR backend_type IS NULL
"""
TRANSACTIONS = """
    SELECT pid, usename AS role, application_name AS process, state, extract(epoch FROM now() - xact_start)::int AS seconds,
           wait_event_type AS waits_for, true AS alarm
    FROM pg_stat_activity WHERE xact_start < now() - make_interval(secs => %(transaction_s)s) AND datname = current_database()
      AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY xact_start
"""
PREPARED = """
    SELECT gid AS prepared, owner AS role, prepared::timestamptz(0) AS since, true AS alarm FROM pg_prepared_xacts
    WHERE prepared < now() - make_interval(secs => %(transaction_s)s)
"""
LOCKS = """
    SELECT l.pid, pg_blocking_pids(l.pid)::text AS held_up_by, coalesce(l.relation::regclass::text, l.locktype) AS what,
           l.mode, extract(epoch FROM now() - l.waitstart)::int AS seconds, true AS alarm
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()
    WHERE NOT l.granted AND l.waitstart < now() - make_interval(secs => %(lock_s)s) ORDER BY l.waitstart
"""
SLOTS = """
    SELECT slot_name AS slot, active, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) AS kept, true AS alarm
    FROM pg_replication_slots WHERE NOT pg_is_in_recovery()
      AND pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) >= %(slot_bytes)s
"""
HIDDEN = """
    SELECT count(*) AS sessions FROM pg_stat_activity
    WHERE state IS NULL AND backend_type IS NULL AND datname = current_database()
"""
STATEMENTS_IN = """
    SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_stat_statements' AND has_schema_privilege(n.oid, 'USAGE')
"""
SLOW: LiteralString = """
    SELECT queryid::text AS statement, calls, mean_exec_time::int AS mean_ms, max_exec_time::int AS max_ms,
           left(regexp_replace(query, '\\s+', ' ', 'g'), 160) AS text,
           mean_exec_time >= %(slow_ms)s AND calls >= %(slow_calls)s AS alarm
    FROM {schema}.pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
    WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND r.rolname IN ('mpac_' || %(schema)s, 'mpac_' || %(schema)s || '_owner')
    ORDER BY mean_exec_time DESC LIMIT 10
"""
STATEMENTS = Check(
    "statements",
    "statements by mean time",
    "",
    "Take the statement's plan (EXPLAIN (ANALYZE, BUFFERS)) with values of a large tenant; look for a missing index first.",
    lists_all=True,
)
NOT_COLLECTED = (
    "pg_stat_statements is not there. To have it: shared_preload_libraries = 'pg_stat_statements', restart, then as superuser"
    " CREATE SCHEMA monitoring; CREATE EXTENSION pg_stat_statements SCHEMA monitoring; GRANT USAGE ON SCHEMA monitoring TO"
    " the role that runs this command."
)
CHECKS = (
    Check("sizes", "largest tables", SIZES, "", lists_all=True),
    Check(
        "partitions",
        "partitions",
        PARTITIONS,
        "Run `manage.py migrate_all`, and see docs/runbooks/partitions.md.",
        lists_all=True,
    ),
    Check(
        "bloat",
        "tables with many dead rows",
        BLOAT,
        "An old transaction keeps them, or autovacuum comes too late: VACUUM, and lower its scale factor for the table.",
    ),
    Check(
        "unused",
        "indexes that nobody has read since the statistics began",
        UNUSED,
        "Ask on every replica and after a month's end as well before DROP INDEX CONCURRENTLY.",
    ),
    Check(
        "invalid",
        "indexes that are not valid",
        INVALID,
        "A concurrent build failed: DROP INDEX CONCURRENTLY and build it again.",
    ),
    Check("twice", "indexes that are the same", TWICE, "One of them is enough."),
    Check(
        "scans",
        "large tables that are read as a whole",
        SCANS,
        "Find the statement in pg_stat_statements; it wants an index, or a condition.",
    ),
    Check(
        "cache",
        "tables that are mostly read from disk",
        CACHE,
        "More shared_buffers, or fewer rows per question.",
    ),
    Check(
        "wraparound",
        "tables whose oldest transaction is far back",
        WRAPAROUND,
        "VACUUM (FREEZE) the table; find out what stopped autovacuum.",
    ),
    Check(
        "connections",
        "connections",
        CONNECTIONS,
        "Lower MPAC_DB_POOL_MAX or put a pooler between (deploy/pooler).",
        of_server=True,
        lists_all=True,
    ),
    Check(
        "transactions",
        "transactions that have been open for long",
        TRANSACTIONS,
        "They keep dead rows and locks. Ask whose it is, then SELECT pg_terminate_backend(pid).",
        of_server=True,
    ),
    Check(
        "prepared",
        "transactions that were prepared and never ended",
        PREPARED,
        "COMMIT PREPARED or ROLLBACK PREPARED.",
        of_server=True,
    ),
    Check(
        "locks",
        "sessions that wait for a lock",
        LOCKS,
        "End what holds them up: SELECT pg_terminate_backend(pid).",
        of_server=True,
    ),
    Check(
        "slots",
        "replication slots that keep much of the log",
        SLOTS,
        "Start its replica again, or drop the slot before the disk is full.",
        of_server=True,
    ),
)


def connect(alias: str, *, login: dict[str, Any]) -> psycopg.Connection[Row]:
    """A connection for looking only."""
    options = "-c default_transaction_read_only=on -c statement_timeout=15s -c timezone=UTC"
    return psycopg.connect(
        **address_of(alias),
        **login,
        options=options,
        application_name="mpac-db-health",
        connect_timeout=5,
        autocommit=True,
        row_factory=dict_row,
    )


def examine(connection: psycopg.Connection[Row], *, schema: str) -> list[Result]:
    """Every check of one context and of the server that holds it."""
    values = {**THRESHOLDS, "schema": schema}
    results = [Result(check, connection.execute(check.query, values).fetchall()) for check in CHECKS]
    results.append(_slow_statements(connection, values))
    hidden = connection.execute(HIDDEN).fetchone()
    if hidden and hidden["sessions"]:
        for result in results:
            if result.check.code == "transactions":
                result.note = (
                    f"{hidden['sessions']} sessions of other roles cannot be looked into; name a role with pg_monitor"
                    " (MPAC_MONITOR_ROLE, MPAC_MONITOR_PASSWORD) to see them."
                )
    return results


def _slow_statements(connection: psycopg.Connection[Row], values: dict[str, Any]) -> Result:
    found = connection.execute(STATEMENTS_IN).fetchone()
    if found is None:
        return Result(STATEMENTS, note=NOT_COLLECTED)
    query = sql.SQL(SLOW).format(schema=sql.Identifier(found["nspname"]))
    try:
        return Result(STATEMENTS, connection.execute(query, values).fetchall())
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return Result(STATEMENTS, note=NOT_COLLECTED)


def merged(results: Iterable[Sequence[Result]]) -> list[Result]:
    """One server's findings as several contexts saw them: a session that two of them see counts once."""
    together: dict[str, Result] = {}
    for result in (each for seen in results for each in seen if each.check.of_server):
        kept = together.setdefault(result.check.code, Result(result.check, note=result.note))
        known = {next(iter(row.values())) for row in kept.rows}
        kept.rows += [row for row in result.rows if next(iter(row.values())) not in known]
    return list(together.values())


def examine_all(
    contexts: dict[str, str], *, logins: dict[str, dict[str, Any]]
) -> dict[str, list[Result] | None]:
    """The findings by context and by server; None for a context whose database cannot be asked."""
    found: dict[str, list[Result] | None] = {}
    servers: dict[str, list[list[Result]]] = {}
    for name, alias in contexts.items():
        try:
            with closing(connect(alias, login=logins[name])) as connection:
                results = examine(connection, schema=name)
        except psycopg.Error:
            found[name] = None
            continue
        found[name] = [each for each in results if not each.check.of_server]
        address = address_of(alias)
        servers.setdefault(f"{address['host'] or 'local'}:{address['port'] or ''}", []).append(results)
    return found | {f"server {where}": merged(seen) for where, seen in servers.items()}
