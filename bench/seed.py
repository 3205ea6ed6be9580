"""Filling a database with payments, month by month, as fast as COPY goes; an interrupted run goes on where it stopped.

Meant for a server that `config.local bench-platform --loading` has set up: nothing is durable until it has stopped cleanly.
A month is one transaction that also notes that the month is done, so there is never half of one.
"""

import datetime as dt
import multiprocessing
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import Empty

import psycopg

from bench.rows import COLUMNS, PARTITIONED, Place, Rows, Span

MONTHS = 6
RECENT = dt.timedelta(days=30)
BLOCK = 5_000
BYTES_PER_INTENT = 5_000
SPARE_BYTES = 5 * 2**30
PSPS, MERCHANTS, STORES = 4, 40, 4
FIRST_ID = 100_000
WIDTH = 30

PLAN = """
    CREATE SCHEMA IF NOT EXISTS bench;
    CREATE TABLE IF NOT EXISTS bench.plan (intents bigint NOT NULL, ends_at timestamptz NOT NULL);
    CREATE TABLE IF NOT EXISTS bench.done (starts_at timestamptz PRIMARY KEY, intents bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS bench.finished (at timestamptz NOT NULL);
"""
STORES_MADE = """
    WITH made AS (
        SELECT * FROM unnest(%s::int[], %s::int[], %s::int[]) AS made (psp_id, merchant_id, store_id)
    ), partners AS (
        INSERT INTO pgw.client_partners (psp_id, name, is_active, rate_limit_per_minute, version, synced_at)
        SELECT DISTINCT psp_id, 'PSP ' || psp_id, true, 1000, 1, now() FROM made ON CONFLICT DO NOTHING
    ), traders AS (
        INSERT INTO pgw.merchants (merchant_id, psp_id, merchant_code, name, is_active, version, synced_at)
        SELECT DISTINCT merchant_id, psp_id, 'M' || merchant_id, 'Merchant ' || merchant_id, true, 1, now() FROM made
        ON CONFLICT DO NOTHING
    )
    INSERT INTO pgw.stores (store_id, psp_id, merchant_id, store_code, name, is_active, version, synced_at)
    SELECT store_id, psp_id, merchant_id, 'S' || store_id, 'Store ' || store_id, true, 1, now() FROM made
    ON CONFLICT DO NOTHING
"""
SIZES = """
    SELECT coalesce(parent.relname, c.relname), sum(pg_relation_size(c.oid)),
           sum(pg_indexes_size(c.oid)), sum(greatest(c.reltuples, 0))
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class parent ON parent.oid = i.inhparent
    WHERE c.relnamespace = 'pgw'::regnamespace AND c.relkind = 'r'
    GROUP BY 1 HAVING sum(pg_relation_size(c.oid)) > 0 ORDER BY 2 DESC LIMIT 14
"""


class NotSeeded(Exception):
    """This database is not one to fill."""


@dataclass(frozen=True)
class Plan:
    """What the database is to hold, as its first run decided."""

    intents: int
    ends_at: dt.datetime

    def spans(self) -> list[Span]:
        """One span for each month, the intents spread evenly over the whole time."""
        begins = self.ends_at - dt.timedelta(days=365 * MONTHS / 12)
        cuts = [begins]
        while (following := _next_month(cuts[-1])) < self.ends_at:
            cuts.append(following)
        cuts.append(self.ends_at)
        total = (self.ends_at - begins).total_seconds()
        upto = [round(self.intents * (cut - begins).total_seconds() / total) for cut in cuts]
        return [
            Span(starts_ms=_ms(cuts[n]), ends_ms=_ms(cuts[n + 1]), intents=upto[n + 1] - upto[n])
            for n in range(len(cuts) - 1)
        ]


class Seeding:
    """One run over one database."""

    def __init__(self, admin_url: str, *, intents: int, workers: int) -> None:
        self._url, self._wanted, self._workers = admin_url, intents, workers
        self._began = time.monotonic()

    def run(self) -> None:
        """Fill what is missing. Raises NotSeeded when the database is another one's, or the disk too small."""
        with psycopg.connect(self._url, autocommit=True) as admin:
            plan = self._plan(admin)
            done = {_ms(row[0]) for row in admin.execute("SELECT starts_at FROM bench.done").fetchall()}
            missing = [span for span in plan.spans() if span.starts_ms not in done]
            places = self._places(admin)
            if missing:
                check_disk(admin, sum(span.intents for span in missing))
            for span in missing:
                make_partitions(admin, span)
            self._fill(plan, missing, places)
            if missing or not admin.execute("SELECT 1 FROM bench.finished").fetchone():
                self._finish(admin)
            show_sizes(admin)

    def _plan(self, admin: psycopg.Connection) -> Plan:
        admin.execute(PLAN)
        found = admin.execute("SELECT intents, ends_at FROM bench.plan").fetchone()
        if not found:
            if admin.execute("SELECT 1 FROM pgw.payment_intents LIMIT 1").fetchone():
                raise NotSeeded("this database holds payments of its own; choose another state directory")
            ends_at = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(minutes=1)
            admin.execute("INSERT INTO bench.plan VALUES (%s, %s)", [self._wanted, ends_at])
            return Plan(self._wanted, ends_at)
        if found[0] != self._wanted:
            raise NotSeeded(f"this database is one of {found[0]:,} intents; choose another state directory")
        return Plan(found[0], found[1].astimezone(dt.UTC))

    def _places(self, admin: psycopg.Connection) -> list[Place]:
        """The demo store first, which gets the most, then stores that are made for this."""
        demo = admin.execute(
            "SELECT psp_id, merchant_id, store_id FROM portal.stores ORDER BY store_id LIMIT 1"
        ).fetchone()
        if not demo:
            raise NotSeeded("this database has no demo store")
        made = [
            Place(FIRST_ID + number % PSPS, FIRST_ID + number, FIRST_ID + number * STORES + store)
            for number in range(MERCHANTS)
            for store in range(STORES)
        ]
        admin.execute(STORES_MADE, [list(column) for column in zip(*made, strict=True)])
        return [Place(*demo)] * STORES + made

    def _fill(self, plan: Plan, missing: Sequence[Span], places: Sequence[Place]) -> None:
        """Let the workers take one month after the other, and show how far they are."""
        recent_from_ms = _ms(plan.ends_at - RECENT)
        context = multiprocessing.get_context("spawn")
        news = context.Queue()
        bar = Bar(plan.intents, before=plan.intents - sum(span.intents for span in missing))
        with context.Pool(self._workers, initializer=_begin, initargs=(news,)) as pool:
            tasks = [(self._url, span, places, recent_from_ms) for span in missing]
            result = pool.starmap_async(load_month, tasks, chunksize=1)
            while not result.ready():
                try:
                    bar.add(news.get(timeout=0.5))
                except Empty:
                    bar.show()
            result.get()
            while not news.empty():
                bar.add(news.get())
        bar.end()

    def _finish(self, admin: psycopg.Connection) -> None:
        """What an old database has and a filled one lacks: statistics, visibility, everything on disk."""
        print("  vacuum and analyze", flush=True)
        for table in COLUMNS:
            admin.execute(f"VACUUM (ANALYZE) pgw.{table}")
        admin.execute("ANALYZE pgw.stores, pgw.merchants, pgw.client_partners")
        admin.execute("CHECKPOINT")
        admin.execute("INSERT INTO bench.finished VALUES (now())")
        print(f"  filled in {(time.monotonic() - self._began) / 60:.1f} min", flush=True)


class Bar:
    """How far the run is, on one line of a terminal, or one line every ten seconds of a log."""

    def __init__(self, total: int, *, before: int) -> None:
        self._total, self._before, self._done = total, before, before
        self._began = time.monotonic()
        self._next = self._began
        self._live = sys.stdout.isatty()

    def add(self, intents: int) -> None:
        self._done += intents
        self.show()

    def show(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (0.2 if self._live else 10.0)
        print(self._line(now), end="" if self._live else "\n", flush=True)

    def end(self) -> None:
        print(self._line(time.monotonic()), flush=True)

    def _line(self, now: float) -> str:
        share = self._done / self._total if self._total else 1.0
        rate = (self._done - self._before) / max(0.001, now - self._began)
        left_min = (self._total - self._done) / rate / 60 if rate else 0.0
        full = "#" * int(share * WIDTH)
        start = "\r" if self._live else ""
        return (
            f"{start}  [{full:<{WIDTH}}] {100 * share:5.1f}%  {self._done:>12,} intents  {rate:>8,.0f}/s"
            f"  {left_min:5.1f} min left "
        )


_told: list["multiprocessing.Queue[int]"] = []  # in a worker: who is told how far it is


def _begin(news: "multiprocessing.Queue[int]") -> None:
    """Runs in every worker before its first month."""
    _told.append(news)


def load_month(url: str, span: Span, places: Sequence[Place], recent_from_ms: int) -> None:
    """One month in one transaction. Its partitions are emptied first, so that PostgreSQL need not log their rows."""
    with closing(psycopg.connect(url)) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        parts = {table: f"{table}_{_instant(span.starts_ms):%Y_%m}" for table in PARTITIONED}
        connection.execute(f"TRUNCATE {', '.join(f'pgw.{part}' for part in parts.values())}")
        for intents, lines in Rows(span, places=places, recent_from_ms=recent_from_ms).blocks(size=BLOCK):
            for table, text in lines.items():
                options = " WITH (FREEZE)" if table in parts else ""
                command = f"COPY pgw.{parts.get(table, table)} ({COLUMNS[table]}) FROM STDIN{options}"
                with connection.cursor() as cursor, cursor.copy(command) as copy:
                    copy.write(text)
            for news in _told:
                news.put(intents)
        connection.execute("INSERT INTO bench.done VALUES (%s, %s)", [_instant(span.starts_ms), span.intents])


def make_partitions(admin: psycopg.Connection, span: Span) -> None:
    """The partitions of the span's month. The next start of the platform secures them, as it does its own."""
    starts_at = _instant(span.starts_ms).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for table in PARTITIONED:
        part = f"{table}_{starts_at:%Y_%m}"
        if admin.execute("SELECT to_regclass(%s)", [f"pgw.{part}"]).fetchone() != (None,):
            continue
        with admin.transaction():
            admin.execute(
                f"CREATE TABLE pgw.{part} PARTITION OF pgw.{table}"
                f" FOR VALUES FROM ('{starts_at.isoformat()}') TO ('{_next_month(starts_at).isoformat()}')"
            )
            admin.execute(f"ALTER TABLE pgw.{part} OWNER TO mpac_pgw_owner")


def check_disk(admin: psycopg.Connection, intents: int) -> None:
    """Raises NotSeeded when the rows would not leave enough room."""
    row = admin.execute("SELECT current_setting('data_directory')").fetchone()
    free, needed = shutil.disk_usage(Path(row[0]).parent if row else "/").free, intents * BYTES_PER_INTENT
    print(f"  needs about {needed / 2**30:.1f} GB, {free / 2**30:.1f} GB are free", flush=True)
    if free < needed + SPARE_BYTES:
        raise NotSeeded("the disk is too small")


def show_sizes(admin: psycopg.Connection) -> None:
    """The largest tables and the whole database."""
    for table, heap, indexes, rows in admin.execute(SIZES).fetchall():
        print(
            f"  {table:<24} {rows:>14,.0f} rows {heap / 2**20:>9,.0f} MB, indexes {indexes / 2**20:>9,.0f} MB"
        )
    row = admin.execute("SELECT pg_database_size(current_database())").fetchone()
    print(f"  database {row[0] / 2**30 if row else 0:.1f} GB", flush=True)


def _next_month(instant: dt.datetime) -> dt.datetime:
    first = instant.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + dt.timedelta(days=32)).replace(day=1)


def _ms(instant: dt.datetime) -> int:
    return round(instant.timestamp() * 1000)


def _instant(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
