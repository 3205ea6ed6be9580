"""The API as it is mounted: every operation at every URL, and how its case in the table is called."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, get_resolver

from kernel.rest import Endpoint, Page
from kernel.rest.endpoint import METHODS
from kernel.rest.operation import Operation
from tests.architecture.cases import CASES, Case, Name
from tests.architecture.world import Visitor

PARAMETER = re.compile(r"<\w+:(\w+)>")


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
        return in_path | {name for given in (self.case.body, self.case.query) for _, name in named(given)}

    def call(self, http: Client, visitor: Visitor, names: Mapping[str, Any]) -> HttpResponse:
        """Call as `visitor`, with `names` filled in."""
        query = "&".join(f"{key}={value}" for key, value in fill(self.case.query, names).items())
        path = f"/{fill_path(self.path, names)}" + (f"?{query}" if query else "")
        body = fill(self.case.body, names)
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


def fill_path(path: str, names: Mapping[str, Any]) -> str:
    return PARAMETER.sub(lambda match: str(names[match[1]]), path)


def fill(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, Name):
        return names[value.key]
    if isinstance(value, dict):
        return {key: fill(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, names) for each in value]
    return value


def named(value: Any) -> Iterator[tuple[str, str]]:
    """The fields of a body or query that take a name, with the name they take."""
    for field, each in value.items() if isinstance(value, dict) else ():
        for one in each if isinstance(each, list) else [each]:
            if isinstance(one, Name):
                yield field, one.key
            yield from named(one)


def fields_of(struct: type[msgspec.Struct] | None) -> Iterator[str]:
    """The fields of a struct and of the structs in it."""
    for field in msgspec.structs.fields(struct) if struct is not None else ():
        yield field.encode_name
        for inner in _structs_in(msgspec.inspect.type_info(field.type)):
            yield from fields_of(inner)


def answered_by(operation: Operation) -> Iterator[tuple[str, Any]]:
    """The fields of what an operation answers and of the structs in it, with their types."""
    yield from _typed(msgspec.inspect.type_info(operation.response))


def _typed(info: Any) -> Iterator[tuple[str, Any]]:
    for field in getattr(info, "fields", ()):
        yield field.encode_name, field.type
        yield from _typed(field.type)
    inner = [getattr(info, name) for name in ("item_type", "value_type") if hasattr(info, name)]
    for each in [*inner, *getattr(info, "types", ())]:
        yield from _typed(each)


def _structs_in(info: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(info, msgspec.inspect.StructType):
        yield info.cls
    inner = [getattr(info, name) for name in ("item_type", "type", "value_type") if hasattr(info, name)]
    for each in [*inner, *getattr(info, "types", ())]:
        yield from _structs_in(each)


def is_list(operation: Operation) -> bool:
    return getattr(operation.response, "__origin__", None) is Page
