"""Upkeep that every context needs: remove what has expired, keep partitions ahead of time."""

import datetime as dt
from contextlib import closing
from functools import partial
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import connections

from kernel import idempotency
from kernel.db import ContextDb, address_of
from kernel.jobs import job
from kernel.logs import get_logger
from kernel.partitions import Partitions
from kernel.schema import TableRules, rules_of, secure
from kernel.tenancy import SystemScope

logger = get_logger(__name__)

SCOPE = SystemScope("upkeep")
PARTITIONS_AHEAD = 3
BATCH = 5_000
KEEP_RECEIPTS = dt.timedelta(days=40)
KEEP_RUNS = dt.timedelta(days=7)

EXPIRED = {
    "nonces": ("expires_at < %s", dt.timedelta(0)),
    "idempotency_keys": ("created_at < %s", idempotency.KEEP),
    "inbox": ("handled_at < %s", KEEP_RECEIPTS),
    "job_runs": ("started_at < %s", KEEP_RUNS),
}

FORGET = """
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {table} WHERE {condition} LIMIT %s FOR UPDATE SKIP LOCKED
    )) RETURNING 1
"""


def remove_expired(db: ContextDb, *, now: dt.datetime) -> int:
    """Delete expired nonces, idempotency keys, receipts and job runs of a context; returns how many rows went."""
    return sum(
        forget(db, table, condition=condition, before=now - keep)
        for table, (condition, keep) in EXPIRED.items()
    )


def forget(db: ContextDb, table: str, *, condition: str, before: dt.datetime) -> int:
    """Delete the rows of `table` that meet `condition`, in which %s stands for `before`; returns how many went.

    In small transactions: a day's rows at once would outlast the statement timeout, and so never go.
    """
    sql = FORGET.format(table=table, condition=condition)
    removed = 0
    while True:
        with db.atomic(SCOPE):
            batch = len(db.execute(sql, [before, BATCH]))
        removed += batch
        if batch < BATCH:
            return removed


def owner_connection(alias: str) -> psycopg.Connection:
    """A connection as the owner of the schema behind `alias`, for DDL only.

    Raises RuntimeError when this process was not given the owner's password.
    """
    owner = settings.MPAC_DATABASE_OWNERS[alias]
    if not owner["password"]:
        msg = f"the owner's password for {alias!r} is not set (MPAC_DB_OWNER_PASSWORD_…)"
        raise RuntimeError(msg)
    options = connections[alias].settings_dict["OPTIONS"].get("options", "")
    return psycopg.connect(
        **address_of(alias),
        user=owner["user"],
        password=owner["password"],
        options=options,
        autocommit=True,
    )


def ensure_partitions(name: str, alias: str, *, now: dt.datetime) -> int:
    """Create this month's and the next partitions of every partitioned table of a context; returns how many were made.

    Rows that fell into a default partition are moved out of it, and said so: that is an alarm.
    """
    made = 0
    with closing(owner_connection(alias)) as connection:
        for model in apps.get_app_config(name).get_models():
            rules = rules_of(model)
            if rules is None or not rules.partitioned:
                continue
            partitions = Partitions(
                connection,
                model._meta.db_table,
                secure=partial(_secure, name, rules),
            )
            if stray := partitions.move_default_rows():
                logger.error(
                    "rows lay in a default partition", context=name, table=partitions.table, rows=stray
                )
            made += len(partitions.ensure(ahead=PARTITIONS_AHEAD, now=now))
    return made


def drop_expired_partitions(name: str, alias: str, *, now: dt.datetime) -> int:
    """Drop what a context's tables keep no longer; returns how many partitions went.

    One that cannot be locked at once, or still holds what somebody works on, goes another time.
    """
    dropped = 0
    with closing(owner_connection(alias)) as connection:
        for model in apps.get_app_config(name).get_models():
            rules = rules_of(model)
            if rules is None or rules.keep is None:
                continue
            partitions = Partitions(connection, model._meta.db_table)
            for part in partitions.expired(keep=rules.keep, now=now):
                about = {"context": name, "partition": part.name}
                try:
                    gone = partitions.drop(part, keep_while=rules.keep_while)
                except psycopg.errors.LockNotAvailable:
                    logger.warning("a partition could not be locked to drop it", **about)
                    continue
                if gone:
                    logger.info("a partition was dropped", **about)
                else:
                    logger.warning("a partition is older than it should get, but in use", **about)
                dropped += gone
    return dropped


def _secure(schema: str, rules: TableRules, cursor: Any, table: str) -> None:
    secure(cursor, schema, table, rules)


def register(name: str, alias: str) -> None:
    """Register the upkeep jobs of one context."""
    db = ContextDb(name, alias=alias)

    @job(f"{name}.remove_expired", every_s=3600, db=db)
    def expire(*, now: dt.datetime) -> int:
        return remove_expired(db, now=now)

    @job(f"{name}.ensure_partitions", every_s=6 * 3600, db=db)
    def ensure(*, now: dt.datetime) -> int:
        return ensure_partitions(name, alias, now=now)

    @job(f"{name}.drop_partitions", every_s=6 * 3600, db=db)
    def drop(*, now: dt.datetime) -> int:
        return drop_expired_partitions(name, alias, now=now)
