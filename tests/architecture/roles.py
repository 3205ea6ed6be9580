"""Everybody who may be let in, and what the declarations beside the operations say of them: the roles of the matrix."""

from collections.abc import Mapping
from dataclasses import dataclass

from kernel.principal import PLATFORM, Principal
from kernel.rest.operation import Operation
from mpac.portal.domain.impersonations import permitted
from mpac.portal.domain.permissions import ROLE_PERMISSIONS
from mpac.portal.domain.roles import Role
from tests.architecture.routes import ENDPOINTS, ROUTES, Route
from tests.architecture.world import Place, person_token

PSP, MERCHANT, STORE = ("psp_id",), ("psp_id", "merchant_id"), ("psp_id", "merchant_id", "store_id")
# Where each role is held in the matrix; the same role can reach differently far.
LEVELS: dict[Role, tuple[tuple[str, ...], ...]] = {
    Role.PLATFORM_OPERATOR: ((),),
    Role.PSP_ADMIN: (PSP,),
    Role.MERCHANT_ADMIN: (MERCHANT,),
    Role.STORE_MANAGER: (STORE,),
    Role.CASHIER: (STORE,),
    Role.AUDITOR: (PSP, MERCHANT, STORE),
    Role.CUSTOM: (PSP, MERCHANT, STORE),
}
CUSTOM = frozenset({"devices:read", "settings:write", "hierarchy:write", "people:write"})
# What opens and protects an account: it is kept from everybody who acts in another's name.
CREDENTIALS = "auth."
CHECKED = [route for route in ROUTES if not route.operation.raw and route.callers & {"person", "partner"}]


@dataclass(frozen=True)
class Held:
    """A role where it is held, down to the last of `levels`, and what it allows there."""

    role: Role
    levels: tuple[str, ...]

    @property
    def permissions(self) -> frozenset[str]:
        return CUSTOM if self.role is Role.CUSTOM else ROLE_PERMISSIONS[self.role]

    @property
    def scopes(self) -> frozenset[str]:
        """What a token of theirs carries."""
        return frozenset({PLATFORM}) if self.role is Role.PLATFORM_OPERATOR else self.permissions

    def __str__(self) -> str:
        return f"{self.role} of {self.levels[-1].removesuffix('_id') if self.levels else 'the platform'}"


HELD = [Held(role, levels) for role, places in LEVELS.items() for levels in places]


@dataclass(frozen=True)
class Caller:
    """Somebody with a credential, and what it says."""

    name: str
    credential: str
    principal: Principal


def holder(held: Held, place: Place) -> Caller:
    """Somebody who has a role at a place."""
    return person(str(held), place, held.levels, held.scopes)


def impersonator(held: Held, place: Place, *, writes: bool = False) -> Caller:
    """Somebody who acts as a holder of a role."""
    name = f"{held}, impersonated{' to write' if writes else ''}"
    return person(name, place, held.levels, permitted(held.permissions, writes=writes), actor=2)


def person(
    name: str, place: Place, levels: tuple[str, ...], scopes: frozenset[str], *, actor: int = 0
) -> Caller:
    token = person_token(place, *levels, scopes=sorted(scopes) or [""], actor=actor)
    return Caller(name, token, principal_of(place.names, levels, scopes, actor=actor))


def principal_of(
    names: Mapping[str, int], levels: tuple[str, ...], scopes: frozenset[str], *, actor: int = 0
) -> Principal:
    where = {level: names[level] for level in levels}
    return Principal(
        "person",
        "user",
        psp_id=where.get("psp_id"),
        merchant_id=where.get("merchant_id"),
        store_ids=(where["store_id"],) if "store_id" in where else None,
        scopes=scopes,
        actor=f"user:{actor}" if actor else "",
    )


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
    if operation.permission is None or (who.psp_id is None and PLATFORM in who.scopes):
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
