"""What every role gets at every place: its own, a sibling store, a sibling merchant, another provider's; where the place is
suspended; and when somebody acts in its name.

What is expected follows from what the operation declares, what the role allows, and how far down it is held. Whoever lacks
the permission or the reach is refused (403) at every place alike. To whoever has them, what is beyond their place is
missing: the answer is that of a thing that does not exist, byte for byte. And what is theirs they get.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from django.http import HttpResponse
from django.test import Client

from kernel import clock, ratelimit
from mpac.portal.domain.permissions import ROLE_PERMISSIONS
from mpac.portal.domain.roles import Role
from mpac.portal.dto import ProfileChanges
from mpac.portal.services import hierarchy
from tests import snapshots
from tests.architecture.answers import belongings, listed, seen
from tests.architecture.cases import END_THE_CALLER, MISSING
from tests.architecture.roles import (
    HELD,
    STORE,
    Caller,
    holder,
    impersonator,
    is_allowed,
)
from tests.architecture.routes import ROUTES, Route
from tests.architecture.world import LEVEL_OF, LEVELS, Place, Places, Visitor, forget
from tests.portal.factories import SEED

# HEAD is GET without its body; `test_permissions` and `test_leaks` see that it is let in alike. What names something comes
# first, for the rest makes new things in its stead; and what removes it comes after what asks for it.
ASKED = sorted(
    (
        route
        for route in ROUTES
        if "person" in route.callers and route.method != "head" and route.operation.name not in END_THE_CALLER
    ),
    key=lambda route: (not route.names(), route.method == "delete"),
)
# What belongs to a person, and to nobody beside or above them.
PERSONAL = frozenset({"session_id", "authenticator_id", "own_membership_id"})
# Nobody but the impersonator gets the token of an impersonation.
OF_THE_CALLER = frozenset({"impersonations.token"})
# What somebody must hold who gives, takes or ends it, beside the permission to do so.
AT_STAKE = {
    "invitations.resend": ROLE_PERMISSIONS[Role.CASHIER],
    "invitations.withdraw": ROLE_PERMISSIONS[Role.CASHIER],
    "memberships.withdraw": ROLE_PERMISSIONS[Role.STORE_MANAGER],
    "users.delete": ROLE_PERMISSIONS[Role.STORE_MANAGER],
    "impersonations.end": frozenset({"impersonation:approve"}),
}
# How operations refuse what the table of cases sends, when they have let the caller in.
OBJECTIONS = {"auth.password.change": "wrong_password", "releases.upload": "apk_package_mismatch"}
# A role at a suspended place is none: nobody takes it on, is acted for by it, or gets it back when it was withdrawn.
SUSPENDED = {
    "auth.switch": "not_found",
    "impersonations.request": "impersonation_refused",
    "impersonations.token": "impersonation_refused",
    "users.delete": "not_found",
}
DONE = frozenset({200, 201, 204, 409})


@dataclass
class Tour:
    """One caller's way through all operations, at home in `places.home`; `faults` is what surprised."""

    http: Client
    caller: Caller
    places: Places
    objections: Mapping[str, str] = field(default_factory=lambda: OBJECTIONS)
    faults: list[Any] = field(default_factory=list)
    missing: dict[tuple[Route, frozenset[str]], Any] = field(default_factory=dict)

    def visit(self, *visited: Place) -> None:
        """Try everything at each place; what names nothing is the same everywhere."""
        ratelimit.forget()
        for route in ASKED:
            for place in visited if route.names() else (self.places.home,):
                fault = self.look(route, place)
                if fault is not None:
                    self.faults.append(
                        (
                            route.operation.name,
                            route.method,
                            self.caller.name,
                            place.names["store_code"],
                            *fault,
                        )
                    )

    def look(self, route: Route, place: Place) -> tuple[Any, ...] | None:
        """What surprises about one operation at one place."""
        answer = self.ask(route, place.names)
        if not is_allowed(route, self.caller.principal):
            return None if answer.status_code == 403 else ("forbidden", answer.status_code)
        hidden = frozenset(name for name in route.names() if not self.sees(route, name, place))
        if hidden:
            return self.compare(route, place, hidden, answer)
        passed = answer.status_code in DONE or code_of(answer) == self.objection(route, place)
        return None if passed else ("allowed", answer.status_code, answer.content)

    def compare(
        self, route: Route, place: Place, hidden: frozenset[str], answer: HttpResponse
    ) -> tuple[Any, ...] | None:
        """What tells the hidden things of a place from things that do not exist."""
        case = route.case
        refusal = case.alone.get(min(hidden), case.refusal) if len(hidden) == 1 else case.refusal
        if answer.status_code != refusal:
            return "missing", answer.status_code, answer.content
        nothing = {name: MISSING[name] for name in hidden}
        every = hidden == route.names()
        other = self.missing.get((route, hidden)) if every else None
        if other is None:
            other = seen(self.ask(route, place.names | nothing), nothing)
            self.missing[route, hidden] = other
        found = seen(answer, {name: place.names[name] for name in hidden})
        return None if found == other else ("not as missing", found, other)

    def ask(self, route: Route, names: dict[str, Any]) -> HttpResponse:
        visitor = Visitor(self.caller.name, "person", self.places.home, self.caller.credential)
        return route.call(self.http, visitor, names)

    def sees(self, route: Route, name: str, place: Place) -> bool:
        """Whether a thing at a place is within what the caller's role is held for."""
        if name in PERSONAL or route.operation.name in OF_THE_CALLER:
            return place is self.places.home
        who, level = self.caller.principal, LEVELS.index(LEVEL_OF.get(name, "object"))
        within = [
            who.psp_id in {None, place.names["psp_id"]},
            who.merchant_id in {None, place.names["merchant_id"]},
            who.store_ids is None or place.names["store_id"] in who.store_ids,
        ]
        return all(within[: level + 1])

    def objection(self, route: Route, place: Place) -> str:
        """The code of the refusal that is due to somebody who is let in, and is right for this call."""
        name, who = route.operation.name, self.caller.principal
        mine = name == "impersonations.end" and place is self.places.home
        if not mine and not who.is_operator and AT_STAKE.get(name, frozenset()) - who.scopes:
            return "beyond_own_rights"
        return self.objections.get(name, "")


def code_of(answer: HttpResponse) -> str:
    """The code of a problem document."""
    return str(msgspec.json.decode(answer.content).get("code", "")) if answer.status_code >= 400 else "none"


@pytest.fixture
def restore(places, built, clean, superuser) -> Callable[[], None]:
    """What puts the world back as it was."""

    def put_back() -> None:
        clean()
        snapshots.restore(superuser, built[0].rows)
        forget()

    return put_back


def test_every_role_gets_its_own_and_what_is_beyond_is_missing(api, places, superuser, restore):
    faults = []
    beyond = {"psp_id": places.far, "merchant_id": places.kin, "store_id": places.near}
    before = {level: belongings(superuser, level, place.names[level]) for level, place in beyond.items()}
    for held in HELD:
        restore()
        tour = Tour(api, holder(held, places.home), places)
        tour.visit(places.far, places.kin, places.near, places.home)
        faults += tour.faults
        for level in held.levels:
            if belongings(superuser, level, beyond[level].names[level]) != before[level]:
                faults.append((tour.caller.name, "changed what belongs to another", level))
    assert not faults, listed(faults)


def test_who_acts_in_somebodys_name_sees_what_they_see_and_changes_nothing(api, places):
    faults = []
    for held in HELD:
        if held.role is not Role.PLATFORM_OPERATOR:
            tour = Tour(api, impersonator(held, places.home), places)
            tour.visit(places.far, places.home)
            faults += tour.faults
    assert not faults, listed(faults)


def suspend(level: str, places: Places) -> None:
    """Suspend home at a level, seen at once."""
    changes, names, now = ProfileChanges(status="suspended"), places.home.names, clock.now()
    if level == "psp_id":
        hierarchy.update_psp(scope=SEED, psp_id=names[level], changes=changes, now=now)
    elif level == "merchant_id":
        hierarchy.update_merchant(scope=SEED, merchant_id=names[level], changes=changes, now=now)
    else:
        hierarchy.update_store(scope=SEED, store_id=names[level], changes=changes, now=now)
    forget()


@pytest.mark.parametrize("level", STORE)
def test_what_is_suspended_is_closed_to_all_within_and_open_from_above(api, places, restore, level):
    faults = []
    suspend(level, places)
    for held in HELD:
        if level in held.levels:
            ratelimit.forget()
            tour = Tour(api, holder(held, places.home), places)
            answers = {route: tour.ask(route, places.home.names).status_code for route in ASKED}
            faults += [
                (route.operation.name, str(held), status)
                for route, status in answers.items()
                if status != 401
            ]
    for held in HELD:
        if len(held.levels) == STORE.index(level):
            restore()
            suspend(level, places)
            tour = Tour(api, holder(held, places.home), places, OBJECTIONS | SUSPENDED)
            tour.visit(places.home)
            faults += tour.faults
    assert not faults, listed(faults)
