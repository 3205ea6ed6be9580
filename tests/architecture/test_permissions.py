"""Who may call what: every operation, every method, every role, as it is declared beside the operation and nowhere else.

Each call carries a parameter that no operation knows. Whoever may call is told so (400), before anything is looked up or
changed; whoever may not never gets that far. What those who get that far find at each place is for `test_places` to see.
"""

from typing import Any

import pytest
from msgspec.inspect import BoolType

from config.permissions import page
from kernel import ratelimit
from kernel.principal import Principal
from mpac.portal.domain.impersonations import permitted
from mpac.portal.domain.permissions import KEY_SCOPES, PERMISSIONS, ROLE_PERMISSIONS
from mpac.portal.domain.roles import Role
from tests.architecture.answers import listed
from tests.architecture.cases import MISSING
from tests.architecture.roles import (
    CHECKED,
    CREDENTIALS,
    HELD,
    MERCHANT,
    PSP,
    STORE,
    Caller,
    holder,
    impersonator,
    is_allowed,
    person,
    principal_of,
)
from tests.architecture.routes import ROUTES, Route, answered_by, fill_path
from tests.architecture.world import Place, forget, make_psp
from tests.portal.factories import Tenant, make_api_key, make_merchant, make_store
from tests.portal.members import ids_of

NARROW_KEY = ("devices:read",)
# What people do to themselves, and to nobody else: it needs no role.
OWN = frozenset(
    {
        "users.me",
        "users.update_me",
        "users.profile",
        "users.update_profile",
        "users.preferences",
        "users.update_preferences",
    }
)
# What only tells what a change would do.
LOOKING = {"settings.preview"}
# Fields of answers that hold a secret of somebody's. That of a terminal's activation is not here: registering terminals is
# harmless enough to be done in another's name, once a second person has approved.
SECRETS = frozenset(
    {"access_token", "device_token", "otpauth_uri", "recovery_codes", "refresh_token", "secret"}
)
# What everybody with an account may look up.
FOR_ALL = frozenset({"tax_rates.list"})


def callers_in(tenant: Tenant) -> list[Caller]:
    """Every role wherever it can be held, custom ones, servers' keys, and everybody as somebody else acts for them."""
    place, found = Place(ids_of(tenant), []), []
    for held in HELD:
        found.append(holder(held, place))
        if held.role is not Role.PLATFORM_OPERATOR:
            found += [impersonator(held, place, writes=writes) for writes in (False, True)]
    found.append(person("nobody's member", place, (), frozenset()))
    for scopes in (KEY_SCOPES, NARROW_KEY):
        secret = make_api_key(tenant.psp, scopes=scopes)
        principal = Principal("partner", "key", psp_id=tenant.psp.id, scopes=frozenset(scopes))
        found.append(Caller(f"key with {len(scopes)}", secret, principal))
    return found


def call(http: Any, route: Route, credential: str) -> int:
    """Ask, with a parameter that nobody knows."""
    path = f"/{fill_path(route.path, MISSING)}?no-such-parameter=1"
    headers = {"Authorization": f"Bearer {credential}", "X-Request-Id": "matrix"}
    answer = http.generic(route.method.upper(), path, b"", content_type="application/json", headers=headers)
    return int(answer.status_code)


@pytest.fixture
def tenant(api) -> Tenant:
    forget()
    psp = make_psp("MATRIX")
    merchant = make_merchant(psp)
    return Tenant(psp, merchant, make_store(merchant))


def test_every_operation_of_people_says_what_it_needs():
    """Or is about themselves. One with a permission that no role has would be everybody's to guess at."""
    undeclared = {
        route.operation.name
        for route in ROUTES
        if "person" in route.callers and route.operation.permission is None
    }
    assert {name for name in undeclared if not name.startswith(CREDENTIALS)} == OWN | FOR_ALL
    named = {route.operation.permission for route in ROUTES if route.operation.permission}
    assert named <= PERMISSIONS.keys()


def test_the_page_for_people_says_the_same():
    """`docs/permissions.md`, which is generated: x for every holder of a role, (x) for those who stand for enough."""
    head, _, *rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page().splitlines() if line[:1] == "|"
    ]
    marks = {
        (row[0].strip("`"), row[1].split()[0].strip("`")): dict(zip(head, row, strict=True)) for row in rows
    }
    faults = []
    for route in ROUTES:
        if route.method == "head":
            continue
        row = marks.pop((route.operation.name, route.method.upper()), {})
        for role in sorted({held.role for held in HELD} - {Role.CUSTOM}):
            who = [principal_of(MISSING, each.levels, each.scopes) for each in HELD if each.role is role]
            allowed = [is_allowed(route, each) for each in who]
            expected = "x" if all(allowed) else "(x)" if any(allowed) else ""
            if row.get(role.replace("_", " ")) != expected:
                faults.append((route.operation.name, role, expected, row))
        acting = [
            is_allowed(
                route, principal_of(MISSING, ("psp_id",), permitted(PERMISSIONS, writes=writes), actor=2)
            )
            for writes in (False, True)
        ]
        if "person" in route.callers and route.operation.reach != "platform":
            expected = "reads" if acting[0] else "writes" if acting[1] else "never"
            if row.get("in another's name") != expected:
                faults.append((route.operation.name, expected, row))
    assert not faults, listed(faults)
    assert not marks


def test_no_operation_that_changes_something_is_content_with_leave_to_look():
    lax = {
        route.operation.name
        for route in ROUTES
        if route.method not in {"get", "head"}
        and route.operation.permission is not None
        and PERMISSIONS[route.operation.permission].reads
    }
    assert lax == LOOKING


def test_every_role_may_call_exactly_what_is_declared(api, tenant):
    faults = []
    for caller in callers_in(tenant):
        ratelimit.forget()
        for route in CHECKED:
            allowed, status = is_allowed(route, caller.principal), call(api, route, caller.credential)
            if status != (400 if allowed else 403):
                faults.append((route.operation.name, route.method, caller.name, allowed, status))
    assert not faults, listed(faults)


def test_nobody_is_shown_a_secret_in_anothers_name():
    """Whatever they hold whose name it is, and although a second person approved."""
    scopes = permitted(PERMISSIONS, writes=True)
    acting = [principal_of(MISSING, levels, scopes, actor=2) for levels in (PSP, MERCHANT, STORE)]
    shown = [
        (route.operation.name, name)
        for route in ROUTES
        for name, kind in answered_by(route.operation)
        if name in SECRETS and not isinstance(kind, BoolType)
        if any(is_allowed(route, who) for who in acting)
    ]
    assert not shown, listed(shown)


def test_roles_hold_what_they_are_meant_to():
    """Who may do the most, and who the least, in a table that a person can read."""
    everything = frozenset(PERMISSIONS)
    assert ROLE_PERMISSIONS[Role.PLATFORM_OPERATOR] == everything
    assert ROLE_PERMISSIONS[Role.PSP_ADMIN] == everything - {"impersonation:approve", "platform:write"}
    assert ROLE_PERMISSIONS[Role.CASHIER] == {"hierarchy:read", "payments:read", "payments:write"}
    assert ROLE_PERMISSIONS[Role.AUDITOR] == {
        name for name, permission in PERMISSIONS.items() if permission.reads
    }
    assert ROLE_PERMISSIONS[Role.STORE_MANAGER] < ROLE_PERMISSIONS[Role.MERCHANT_ADMIN] < everything
    assert all(PERMISSIONS[name].delicate is False for name in permitted(everything, writes=True))
    assert permitted(everything, writes=False) == {
        name for name in everything if PERMISSIONS[name].reads and not PERMISSIONS[name].delicate
    }
