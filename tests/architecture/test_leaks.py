"""Nobody learns of another tenant's objects: every endpoint, every method, every kind of caller.

What is foreign is compared with what does not exist: the answers must be the same, byte for byte, and the database must
have been asked the same questions, so that not even the time tells.
"""

from typing import Any

from django.test import Client

from kernel.rest import Endpoint
from kernel.rest.endpoint import METHODS
from mpac.pgw.services import breakers, rule_books
from mpac.smarttab.selectors import stores
from tests.architecture.answers import listed, seen, statements, traces
from tests.architecture.cases import (
    ANONYMOUS,
    CASES,
    END_THE_CALLER,
    MISSING,
    NAMING_FIELDS,
    NAMING_FILTERS,
    PAGES,
    PLAIN_FIELDS,
)
from tests.architecture.routes import (
    ENDPOINTS,
    PARAMETER,
    ROUTES,
    URLS,
    Route,
    declared,
    fields_of,
    fill_path,
    is_list,
    named,
)
from tests.architecture.world import Visitor, World, refund_of

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
            (route.operation.query, route.case.query, NAMING_FILTERS),
        ):
            fields = set(fields_of(struct))
            tried = {field for field, _ in named(given)} | route.case.public
            untried += [(route.operation.name, name) for name in (fields & naming) - tried]
            untried += [(route.operation.name, name) for name in fields - naming - PLAIN_FIELDS]
    assert not untried, listed(untried)


# --- the matrix -----------------------------------------------------------------------------------------------------


def test_what_is_foreign_looks_exactly_like_what_is_missing(api, world, untouched):
    faults = []
    for route in ROUTES:
        if route.operation.name in END_THE_CALLER:
            continue
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
    places = {place.names["intent_id"]: place for place in (each.place for each in world.visitors)}
    for place in {
        **places,
        world.home.names["intent_id"]: world.home,
    }.values():  # so that there is something to list
        refund_of(place, place.names["intent_id"])
    for route in ROUTES:
        if route.method != "get" or not is_list(route.operation):
            continue
        for visitor in [*world.visitors, *world.owners.values()]:
            if visitor.kind not in route.callers:
                continue
            answer = visitor.call(api, "GET", f"/{fill_path(route.path, visitor.place.names)}")
            leaks += [(route.operation.name, visitor.name, trace) for trace in traces(answer, world, visitor)]
            if answer.status_code == 403 and route.operation.reach:  # theirs is too small a part of it
                continue
            if not answer.json()["data"]:
                empty.append((route.operation.name, visitor.name))
    assert not empty + leaks, listed(empty + leaks)


def test_methods_that_an_endpoint_does_not_have_say_nothing(api, world, untouched):
    faults = []
    two = [visitor for visitor in world.visitors if visitor.name in {"nobody", "another store's device"}]
    for path, endpoint in ENDPOINTS.items():
        for method in {*METHODS, "options", "trace"} - set(declared(endpoint)):
            for visitor in two:
                answers = [
                    visitor.call(api, method.upper(), f"/{fill_path(path, names)}", {})
                    for names in (world.home.names, MISSING)
                ]
                if answers[0].status_code != 405 or seen(answers[0]) != seen(answers[1]):
                    faults.append((path, method, visitor.name))
    assert not faults, listed(faults)


def forget_what_was_read() -> None:
    """Rules, breakers and calendars are remembered for a while; without this one of two calls would ask less."""
    rule_books.forget()
    breakers.forget()
    stores.forget_calendars()


def differences(http: Client, world: World, route: Route, visitor: Visitor) -> list[tuple[Any, ...]]:
    """What gives home away when `visitor` calls this operation, with each foreign name alone and with all of them."""
    home, own = world.home.names, visitor.place.names
    foreign = visitor.foreign(route.names(), world.home)
    faults: list[tuple[Any, ...]] = []
    for names in [foreign, *([name] for name in foreign if len(foreign) > 1)] if foreign else [[]]:
        what = (route.operation.name, visitor.name, tuple(names))
        forget_what_was_read()
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
        forget_what_was_read()
        with statements() as asked_for_nothing:
            other = route.call(http, visitor, own | missing)
        if seen(answer, {name: home[name] for name in names}) != seen(other, missing):
            faults.append((*what, answer.content, other.content))
        if asked_for_home != asked_for_nothing:
            faults.append((*what, asked_for_home, asked_for_nothing))
    return faults


def expected_status(route: Route, visitor: Visitor, names: list[str]) -> int:
    if route.callers and visitor.kind == "anonymous":
        return 401
    if route.callers and visitor.kind not in route.callers:
        return 403
    # People who share no more than a provider or a merchant with home stand for a part of that provider.
    if route.operation.reach == "psp" and visitor.kind == "person" and visitor.shares in {"psp", "merchant"}:
        return 403
    return route.case.alone.get(names[0], route.case.refusal) if len(names) == 1 else route.case.refusal
