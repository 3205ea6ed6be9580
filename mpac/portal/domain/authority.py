"""What somebody may do, and where: the measure of what they can give to others.

Nobody gives what they do not hold: every grant, invitation, custom role and impersonation is held against the authority of
the person who makes it.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from kernel.principal import Principal
from mpac.portal.domain.permissions import PERMISSIONS


@dataclass(frozen=True, slots=True)
class Place:
    """A level of one tenant: a whole provider, a merchant, a store; without a provider, the whole platform."""

    psp_id: int | None = None
    merchant_id: int | None = None
    store_id: int | None = None

    def covers(self, other: "Place") -> bool:
        """Whether `other` is this place or lies in it."""
        return (
            self.psp_id in (None, other.psp_id)
            and self.merchant_id in (None, other.merchant_id)
            and self.store_id in (None, other.store_id)
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """Permissions at one place and everywhere in it."""

    place: Place
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Authority:
    """All that one person holds."""

    grants: tuple[Grant, ...] = ()

    def held_at(self, place: Place) -> frozenset[str]:
        """The permissions that hold for the whole of `place`."""
        return frozenset().union(*(each.permissions for each in self.grants if each.place.covers(place)))

    def allows(self, permissions: Iterable[str], place: Place) -> bool:
        """Whether somebody with this authority may give `permissions` at `place`."""
        return self.held_at(place).issuperset(permissions)

    def covers(self, other: "Authority") -> bool:
        """Whether there is nothing that `other` holds and this does not."""
        return all(self.allows(each.permissions, each.place) for each in other.grants)


@dataclass(frozen=True, slots=True)
class Person:
    """Who grants, invites or impersonates, and what they hold; `impersonates` when they do so in another's name.

    `session_id` is what they are signed in to, where that is known.
    """

    user_id: int
    authority: Authority
    impersonates: bool = False
    session_id: uuid.UUID | None = None


EVERYTHING = Authority((Grant(Place(), frozenset(PERMISSIONS)),))


def authority_of(principal: Principal) -> Authority:
    """What a caller's credential allows, which may be less than what the person holds."""
    if principal.is_operator:
        return EVERYTHING
    if principal.psp_id is None:
        return Authority()
    stores: tuple[int | None, ...] = principal.store_ids if principal.store_ids is not None else (None,)
    places = (Place(principal.psp_id, principal.merchant_id, store_id) for store_id in stores)
    return Authority(tuple(Grant(place, principal.scopes) for place in places))
