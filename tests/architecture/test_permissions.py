"""Who may call what: every operation, every method, every role, as it is declared beside the operation and nowhere else.

Each call carries a parameter that no operation knows. Whoever may call is told so (400), before anything is looked up or
changed; whoever may not never gets that far. That what is another's looks like what is missing, for everybody who gets that
far, is for `test_leaks` to see.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from kernel import clock, ratelimit
from kernel.principal import Principal
from kernel.rest.operation import Operation
from mpac.portal.domain.impersonations import permitted
from mpac.portal.domain.permissions import KEY_SCOPES, PERMISSIONS, ROLE_PERMISSIONS
from mpac.portal.domain.roles import Role
from mpac.portal.dto import ProfileChanges
from mpac.portal.services import hierarchy
from mpac.portal.services.api_keys import api_key_reader
from mpac.portal.services.trust import trust_reader
from mpac.portal.services.verification import token_verifier
from tests.architecture.answers import listed
from tests.architecture.cases import MISSING
from tests.architecture.routes import ENDPOINTS, ROUTES, Route, fill_path
from tests.architecture.world import Place, make_psp, person_token
from tests.portal.factories import SEED, Tenant, make_api_key, make_merchant, make_store
from tests.portal.members import ids_of

PSP, MERCHANT, STORE = ("psp_id",), ("psp_id", "merchant_id"), ("psp_id", "merchant_id", "store_id")
# Where each role is held in the matrix; the same role can reach differently far.
PLACES: dict[Role, tuple[tuple[str, ...], ...]] = {
    Role.PLATFORM_OPERATOR: ((),),
    Role.PSP_ADMIN: (PSP,),
    Role.MERCHANT_ADMIN: (MERCHANT,),
    Role.STORE_MANAGER: (STORE,),
    Role.CASHIER: (STORE,),
    Role.AUDITOR: (PSP, MERCHANT, STORE),
    Role.CUSTOM: (PSP, MERCHANT, STORE),
}
CUSTOM = frozenset({"devices:read", "settings:write", "hierarchy:write", "people:write"})
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
# What opens and protects an account: it is kept from everybody who acts in another's name.
CREDENTIALS = "auth."
# What everybody with an account may look up.
FOR_ALL = frozenset({"tax_rates.list"})


@dataclass(frozen=True)
class Caller:
    """Somebody with a credential, and what it says."""

    name: str
    credential: str
    principal: Principal


def callers_in(tenant: Any) -> list[Caller]:
    """Every role wherever it can be held, custom ones, servers' keys, and everybody as somebody else acts for them."""
    names, found = ids_of(tenant), []
    for role, places in PLACES.items():
        for levels in places:
            own = CUSTOM if role is Role.CUSTOM else ROLE_PERMISSIONS[role]
            scopes = frozenset({"platform"}) if role is Role.PLATFORM_OPERATOR else own
            where = f"{role} of {levels[-1] if levels else 'all'}"
            found.append(person(where, names, levels, scopes))
            if role is not Role.PLATFORM_OPERATOR:
                for writes in (False, True):
                    name = f"{where}, impersonated{' to write' if writes else ''}"
                    found.append(person(name, names, levels, permitted(own, writes=writes), actor=2))
    found.append(person("nobody's member", names, (), frozenset()))
    for scopes in (KEY_SCOPES, NARROW_KEY):
        secret = make_api_key(tenant.psp, scopes=scopes)
        found.append(
            Caller(
                f"key with {len(scopes)}",
                secret,
                Principal("partner", "key", psp_id=tenant.psp.id, scopes=frozenset(scopes)),
            )
        )
    return found


def person(
    name: str, names: dict[str, int], levels: tuple[str, ...], scopes: frozenset[str], *, actor: int = 0
) -> Caller:
    token = person_token(Place(names, []), *levels, scopes=sorted(scopes) or [""], user_id=1, actor=actor)
    principal = Principal(
        "person",
        "user:1",
        psp_id=names["psp_id"] if "psp_id" in levels else None,
        merchant_id=names["merchant_id"] if "merchant_id" in levels else None,
        store_ids=(names["store_id"],) if "store_id" in levels else None,
        scopes=scopes,
        actor=f"user:{actor}" if actor else "",
    )
    return Caller(name, token, principal)


def is_allowed(route: Route, who: Principal) -> bool:
    """What the declaration says."""
    return is_caller(route, who) and holds(route.operation, who) and reaches(route.operation, who)


def is_caller(route: Route, who: Principal) -> bool:
    reads = route.method in {"get", "head"}
    if who.actor and (
        route.operation.name.startswith(CREDENTIALS) or not (reads or route.operation.permission)
    ):
        return False
    pair = ENDPOINTS[route.path].partner_scopes if who.kind == "partner" else None
    return who.kind in route.callers and (pair is None or pair[0 if reads else 1] in who.scopes)


def holds(operation: Operation, who: Principal) -> bool:
    if operation.permission is None or (who.psp_id is None and "platform" in who.scopes):
        return True
    return who.psp_id is not None and operation.permission in who.scopes


def reaches(operation: Operation, who: Principal) -> bool:
    narrow = {
        None: False,
        "merchant": who.store_ids is not None,
        "psp": who.merchant_id is not None,
        "platform": who.psp_id is not None,
    }
    return not narrow[operation.reach]


def call(http: Any, route: Route, credential: str) -> int:
    """Ask, with a parameter that nobody knows."""
    path = f"/{fill_path(route.path, MISSING)}?no-such-parameter=1"
    headers = {"Authorization": f"Bearer {credential}", "X-Request-Id": "matrix"}
    answer = http.generic(route.method.upper(), path, b"", content_type="application/json", headers=headers)
    return int(answer.status_code)


@pytest.fixture
def tenant(api):
    for cache in (api_key_reader, token_verifier, trust_reader):
        cache.forget()
    psp = make_psp("MATRIX")
    merchant = make_merchant(psp)
    return Tenant(psp, merchant, make_store(merchant))


CHECKED = [route for route in ROUTES if not route.operation.raw and route.callers & {"person", "partner"}]


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


def test_every_role_may_call_exactly_what_is_declared(api, tenant):
    faults = []
    for caller in callers_in(tenant):
        ratelimit.forget()
        for route in CHECKED:
            allowed, status = is_allowed(route, caller.principal), call(api, route, caller.credential)
            if status != (400 if allowed else 403):
                faults.append((route.operation.name, route.method, caller.name, allowed, status))
    assert not faults, listed(faults)


def test_nobody_of_a_suspended_provider_may_call_anything(api, tenant):
    callers = [each for each in callers_in(tenant) if each.principal.psp_id is not None]
    hierarchy.update_psp(
        scope=SEED, psp_id=tenant.psp.id, changes=ProfileChanges(status="suspended"), now=clock.now()
    )
    trust_reader.forget()
    faults = []
    for caller in callers[::4]:
        ratelimit.forget()
        api_key_reader.forget()
        refused = {route: call(api, route, caller.credential) for route in CHECKED[::3]}
        faults += [(route.operation.name, caller.name) for route, status in refused.items() if status != 401]
    assert not faults, listed(faults)


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
