"""Migrate every context as its owner, converge the declared rules, and keep partitions ahead."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from kernel.schema import converge
from kernel.upkeep import ensure_partitions, owner_connection


@contextmanager
def as_owner(alias: str) -> Iterator[None]:
    """Within the block, Django's connection on `alias` has the schema owner's role and no pool."""
    connection = connections[alias]
    connection.close()
    original = dict(connection.settings_dict)
    owner = settings.MPAC_DATABASE_OWNERS[alias]
    options = {key: value for key, value in original["OPTIONS"].items() if key != "pool"}
    connection.settings_dict.update(USER=owner["user"], PASSWORD=owner["password"], OPTIONS=options)
    DatabaseWrapper._connection_pools.pop(alias, None)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(original)


def migrate_all(*, now: dt.datetime, progress: Callable[[str], object]) -> None:
    """Bring every schema up to date. Safe to run again and by two processes at once (an advisory lock decides)."""
    for name, alias in settings.MPAC_CONTEXTS.items():
        with closing(owner_connection(alias)) as connection:
            connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"migrate:{name}"])
            with as_owner(alias):
                call_command("migrate", database=alias, verbosity=0, interactive=False)
                made = ensure_partitions(name, alias, now=now)
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL app.system = 'upkeep'")
                converge(cursor, name, tables_of(alias))
        progress(f"{name}: schema is up to date" + (f", {made} partitions made" if made else ""))


def tables_of(alias: str) -> list[type]:
    """Every concrete model whose table lies behind `alias`, Django's own included."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        and not model._meta.proxy
        and settings.MPAC_CONTEXTS.get(model._meta.app_label, "default") == alias
    ]
