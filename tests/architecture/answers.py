"""What an answer shows, what the database was asked for it, and what a store holds: the things that leak tests compare."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
from django.conf import settings
from django.db import connections
from django.http import HttpResponse

from tests.architecture.world import Visitor, World

# What differs between two answers of the same meaning: what counts the calls, and of a success what is new each time.
COUNTING = frozenset({"Date", "RateLimit", "RateLimit-Policy"})
FRESH = re.compile(
    rb'"[a-z]{2,4}_[0-9a-hj-km-np-tv-z]{26}[^"]*"|"\d{4}-\d\d-\d\dT[^"]*"|"(?:id|number)":"?\d+"?'
)


def seen(answer: HttpResponse, sent: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    """Everything a caller sees of an answer. Of a success, without what they sent and what is new in each answer."""
    headers = {name: value for name, value in answer.headers.items() if name not in COUNTING}
    content = answer.content
    if answer.status_code < 400:
        for value in (sent or {}).values():
            content = content.replace(msgspec.json.encode(value), b"<sent>")
        content = FRESH.sub(b"<new>", content)
    return answer.status_code, headers, content


def traces(answer: HttpResponse, world: World, visitor: Visitor) -> list[Any]:
    """What in an answer belongs to home and not to the visitor."""
    whole = answer.content + str(answer.headers).encode()
    found: list[Any] = [
        text for level, text in world.home.texts if visitor.may_not_see(level) and text.encode() in whole
    ]
    numbers = {level: world.home.names[f"{level}_id"] for level in ("psp", "merchant", "store")}
    if "json" in answer.headers.get("Content-Type", "") and answer.content:
        for thing in _objects_in(msgspec.json.decode(answer.content)):
            for level, number in numbers.items():
                shown = thing.get("id") if thing.get("object") == level else thing.get(f"{level}_id")
                if shown == number and visitor.may_not_see(level):
                    found.append({f"{level}_id": number})
    return found


def contents(superuser: Any, names: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """Count and digest of home's rows in every table that has tenants; of its own mode, where a table knows modes."""
    found = {}
    for table, tenant in _tenant_columns(superuser).items():
        if tenant == {"livemode"}:
            continue
        mine = " AND ".join(
            f"coalesce({column}, {names[column]}) = {names[column]}" for column in sorted(tenant)
        )
        where = f"{mine} AND psp_id = {names['psp_id']}"
        if table.endswith(".outbox"):  # what a record is about may be of one mode
            where += (
                f" AND coalesce(payload ->> 'livemode', '{names['livemode']}')::bool = {names['livemode']}"
            )
        found[table] = _digest(superuser, table, where)
    return found


def belongings(superuser: Any, level: str, number: int) -> dict[str, tuple[int, str]]:
    """Count and digest of the rows below one provider, merchant or store: `level` is the column that names it."""
    tables = [table for table, tenant in _tenant_columns(superuser).items() if level in tenant]
    return {table: _digest(superuser, table, f"{level} = {number}") for table in tables}


def _tenant_columns(superuser: Any) -> dict[str, set[str]]:
    """The tables that have tenants or modes, with the columns that say which."""
    columns: dict[str, set[str]] = {}
    for table, column in superuser.execute(
        "SELECT format('%%I.%%I', n.nspname, c.relname), a.attname FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        "   AND a.attname IN ('psp_id', 'merchant_id', 'store_id', 'livemode')",
        [list(settings.MPAC_CONTEXTS)],
    ):
        columns.setdefault(table, set()).add(column)
    return columns


def _digest(superuser: Any, table: str, where: str) -> tuple[int, str]:
    digest = "md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), ''))"
    found: tuple[int, str] = superuser.execute(
        f"SELECT count(*), {digest} FROM {table} t WHERE {where}"
    ).fetchone()
    return found


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL of a block, but for the caches of who is believed, which are read anew when it is time."""
    every: list[str] = []

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        every.append(f"{context['connection'].alias}: {sql}")
        return execute(sql, params, many, context)

    found: list[str] = []
    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(connections[alias].execute_wrapper(note))
        yield found
    authentication = False
    for statement in every:
        if "SET LOCAL" in statement:
            authentication = "app.system = 'authentication'" in statement
        if not authentication:
            found.append(statement)


def _objects_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects_in(each)


def listed(faults: list[Any]) -> str:
    return "\n".join(("", *map(str, faults)))
