"""Nobody learns of another tenant's objects: every endpoint, every method, every kind of caller.

What is foreign is compared with what does not exist: the answers must be the same, byte for byte, and the database must
have been asked the same questions, so that not even the time tells.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.db import connections
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, get_resolver

from kernel.rest import Endpoint, Page
from kernel.rest.endpoint import METHODS
from kernel.rest.operation import Operation
from mpac.pgw.adapters import registry
from tests.architecture import world as worlds
from tests.architecture.cases import (
    ANONYMOUS,
    CASES,
    MISSING,
    NAMING_FIELDS,
    NAMING_FILTERS,
    PAGES,
    PLAIN_FIELDS,
    Case,
    Name,
)
from tests.architecture.world import Visitor, World
from tests.pgw.doubles import FakeAdapter

PARAMETER = re.compile(r"<\w+:(\w+)>")
# What differs between two answers of the same meaning: what counts the calls, and of a success what is new each time.
COUNTING = frozenset({"Date", "RateLimit", "RateLimit-Policy"})
FRESH = re.compile(
    rb'"[a-z]{2,4}_[0-9a-hj-km-np-tv-z]{26}[^"]*"|"\d{4}-\d\d-\d\dT[^"]*"|"(?:id|number)":"?\d+"?'
)


@dataclass(frozen=True)
class Route:
    """One operation at one URL."""

    path: str
    method: str
    operation: Operation
    callers: frozenset[str]

    @property
    def case(self) -> Case:
        return CASES[self.operation.name]

    def names(self) -> set[str]:
        """What a caller of this route names."""
        in_path = set(PARAMETER.findall(self.path)) - self.case.public
        return in_path | {name.key for name in _names_in([self.case.body, dict(self.case.query)])}

    def call(self, http: Client, visitor: Visitor, names: Mapping[str, Any]) -> HttpResponse:
        """Call as `visitor`, with `names` filled in."""
        query = "&".join(f"{key}={value}" for key, value in _fill(dict(self.case.query), names).items())
        path = f"/{fill_path(self.path, names)}" + (f"?{query}" if query else "")
        body = _fill(self.case.body, names)
        return visitor.call(http, self.method.upper(), path, body, headers=self.case.headers)


def patterns(found: list[Any], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for each in found:
        path = prefix + str(each.pattern)
        if isinstance(each, URLPattern):
            yield path, each
        else:
            yield from patterns(each.url_patterns, path)


URLS = [(path, url) for path, url in patterns(get_resolver().url_patterns) if not path.startswith("admin/")]
ENDPOINTS: dict[str, type[Endpoint]] = {
    path: url.callback.cls for path, url in URLS if hasattr(url.callback, "cls")
}


def declared(endpoint: type[Endpoint]) -> dict[str, Operation]:
    return {method: getattr(endpoint, method).operation for method in METHODS if hasattr(endpoint, method)}


ROUTES = [
    Route(
        path,
        method,
        operation,
        frozenset(endpoint.callers if operation.callers is None else operation.callers),
    )
    for path, endpoint in ENDPOINTS.items()
    for declared_method, operation in declared(endpoint).items()
    for method in (("get", "head") if declared_method == "get" else (declared_method,))
]


@pytest.fixture
def world(api) -> Iterator[World]:
    for name in (worlds.HOME_PROVIDER, worlds.OTHER_PROVIDER):
        adapter = FakeAdapter()
        adapter.name = name
        registry.register(adapter)
    yield worlds.build(api)
    for name in (worlds.HOME_PROVIDER, worlds.OTHER_PROVIDER):
        registry._adapters.pop(name)


@pytest.fixture
def untouched(world, superuser):
    """Fails the test if anything of home has changed when it ends."""
    before = contents(superuser, world.home.names)
    yield
    assert contents(superuser, world.home.names) == before


# --- the table is whole ---------------------------------------------------------------------------------------------


def test_every_url_is_an_endpoint_or_a_page_that_anybody_may_read():
    assert {path for path, _ in URLS} == set(ENDPOINTS) | PAGES
    assert all(issubclass(endpoint, Endpoint) for endpoint in ENDPOINTS.values())


def test_every_operation_is_entered():
    assert {route.operation.name for route in ROUTES} == set(CASES)
    assert {route.operation.name for route in ROUTES if not route.callers} == ANONYMOUS


def test_every_parameter_is_entered():
    unknown = {name for path in ENDPOINTS for name in PARAMETER.findall(path)} - set(MISSING)
    assert unknown == set()


def test_every_field_that_could_name_an_object_is_tried():
    untried = []
    for route in ROUTES:
        for struct, given, naming in (
            (route.operation.body, route.case.body, NAMING_FIELDS),
            (route.operation.query, dict(route.case.query), NAMING_FILTERS),
        ):
            fields = set(_fields_of(struct))
            tried = set(_named_fields(given)) | route.case.public
            untried += [(route.operation.name, name) for name in (fields & naming) - tried]
            untried += [(route.operation.name, name) for name in fields - naming - PLAIN_FIELDS]
    assert not untried, listed(untried)


# --- the matrix -----------------------------------------------------------------------------------------------------


def test_what_is_foreign_looks_exactly_like_what_is_missing(api, world, untouched):
    faults = []
    for route in ROUTES:
        for visitor in world.visitors:
            if not (visitor.kind == "service" and "service" in route.callers):  # whom every provider trusts
                faults += differences(api, world, route, visitor)
    assert not faults, listed(faults)


def test_what_is_home_is_shown_to_its_owner(api, world):
    """Without this the matrix might compare refusals that have another reason."""
    refused = []
    for route in ROUTES:
        if route.callers and route.names():
            owner = next(owner for kind, owner in world.owners.items() if kind in route.callers)
            answer = route.call(api, owner, world.home.names)
            if answer.status_code not in {200, 201, 409}:
                refused.append((route.operation.name, owner.name, answer.status_code, answer.content))
    assert not refused, listed(refused)


def test_lists_show_what_is_ones_own_and_nothing_else(api, world):
    empty, leaks = [], []
    for visitor in [*world.visitors, world.owners["device"]]:  # so that there are attempts to list
        visitor.call(api, "POST", f"/v1/payment-intents/{visitor.place.names['intent_id']}/confirm", {})
    for route in ROUTES:
        if route.method != "get" or not _is_list(route.operation):
            continue
        for visitor in [*world.visitors, *world.owners.values()]:
            if visitor.kind not in route.callers:
                continue
            answer = visitor.call(api, "GET", f"/{fill_path(route.path, visitor.place.names)}")
            leaks += [(route.operation.name, visitor.name, trace) for trace in traces(answer, world, visitor)]
            if not answer.json()["data"]:
                empty.append((route.operation.name, visitor.name))
    assert not empty + leaks, listed(empty + leaks)


def test_methods_that_an_endpoint_does_not_have_say_nothing(api, world, untouched):
    faults = []
    one_of_each_kind = {visitor.kind: visitor for visitor in world.visitors}.values()
    for path, endpoint in ENDPOINTS.items():
        for method in {*METHODS, "options", "trace"} - set(declared(endpoint)):
            for visitor in one_of_each_kind:
                answers = [
                    visitor.call(api, method.upper(), f"/{fill_path(path, names)}", {})
                    for names in (world.home.names, MISSING)
                ]
                if answers[0].status_code != 405 or seen(answers[0]) != seen(answers[1]):
                    faults.append((path, method, visitor.name))
    assert not faults, listed(faults)


# --- how to compare -------------------------------------------------------------------------------------------------


def differences(http: Client, world: World, route: Route, visitor: Visitor) -> list[tuple[Any, ...]]:
    """What gives home away when `visitor` calls this operation, with each foreign name alone and with all of them."""
    home, own = world.home.names, visitor.place.names
    foreign = sorted(name for name in route.names() if home[name] != own[name])
    faults: list[tuple[Any, ...]] = []
    for names in [foreign, *([name] for name in foreign if len(foreign) > 1)] if foreign else [[]]:
        what = (route.operation.name, visitor.name, tuple(names))
        with statements() as asked_for_home:
            answer = route.call(http, visitor, own | {name: home[name] for name in names})
        faults += [(*what, trace) for trace in traces(answer, world, visitor)]
        if not names:
            faults += [(*what, answer.status_code)] if answer.status_code >= 500 else []
            continue
        expected = expected_status(route, visitor, names)
        if answer.status_code != expected:
            faults.append((*what, answer.status_code, expected, answer.content))
        missing = {name: MISSING[name] for name in names}
        with statements() as asked_for_nothing:
            other = route.call(http, visitor, own | missing)
        if seen(answer, {name: home[name] for name in names}) != seen(other, missing):
            faults.append((*what, answer.content, other.content))
        if asked_for_home != asked_for_nothing:
            faults.append((*what, asked_for_home, asked_for_nothing))
    return faults


def listed(faults: list[Any]) -> str:
    return "\n".join(("", *map(str, faults)))


def expected_status(route: Route, visitor: Visitor, names: list[str]) -> int:
    if route.callers and visitor.kind == "anonymous":
        return 401
    if route.callers and visitor.kind not in route.callers:
        return 403
    return route.case.alone.get(names[0], route.case.refusal) if len(names) == 1 else route.case.refusal


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
    """Count and digest of home's rows in every table that has tenants."""
    columns: dict[str, set[str]] = {}
    for table, column in superuser.execute(
        "SELECT format('%%I.%%I', n.nspname, c.relname), a.attname FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        "   AND a.attname IN ('psp_id', 'merchant_id', 'store_id')",
        [list(settings.MPAC_CONTEXTS)],
    ):
        columns.setdefault(table, set()).add(column)
    found = {}
    for table, tenant in columns.items():
        mine = " AND ".join(f"coalesce({column}, 0) IN (0, {names[column]})" for column in sorted(tenant))
        digest = "md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), ''))"
        where = f"{mine} AND psp_id = {names['psp_id']}"
        found[table] = superuser.execute(f"SELECT count(*), {digest} FROM {table} t WHERE {where}").fetchone()
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


def fill_path(path: str, names: Mapping[str, Any]) -> str:
    return PARAMETER.sub(lambda match: str(names[match[1]]), path)


def _fill(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, Name):
        return names[value.key]
    if isinstance(value, dict):
        return {key: _fill(each, names) for key, each in value.items()}
    return value


def _names_in(value: Any) -> Iterator[Name]:
    if isinstance(value, Name):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _names_in(each)


def _named_fields(value: Any) -> Iterator[str]:
    """The fields that a case fills with names."""
    for key, each in value.items() if isinstance(value, dict) else ():
        if isinstance(each, Name):
            yield key
        yield from _named_fields(each)


def _fields_of(struct: type[msgspec.Struct] | None) -> Iterator[str]:
    """The fields of a struct and of the structs in it."""
    for field in msgspec.structs.fields(struct) if struct is not None else ():
        yield field.encode_name
        for inner in _structs_in(msgspec.inspect.type_info(field.type)):
            yield from _fields_of(inner)


def _structs_in(info: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(info, msgspec.inspect.StructType):
        yield info.cls
    inner = [getattr(info, name) for name in ("item_type", "type", "value_type") if hasattr(info, name)]
    for each in [*inner, *getattr(info, "types", ())]:
        yield from _structs_in(each)


def _objects_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects_in(each)


def _is_list(operation: Operation) -> bool:
    return getattr(operation.response, "__origin__", None) is Page
