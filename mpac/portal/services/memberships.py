"""Giving people roles and taking them away.

Nobody gives or takes what they do not hold at that place themselves, nobody touches their own, and the last administrator
of a provider, or of the platform, stays.
"""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from kernel.audit import record, record_removal
from kernel.errors import FieldError, Invalid, NotFound
from kernel.tenancy import Scope, SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.authority import Person, Place
from mpac.portal.domain.login import EndedBecause
from mpac.portal.domain.permissions import ROLE_PERMISSIONS
from mpac.portal.domain.roles import Role, fits
from mpac.portal.errors import BeyondOwnRights, LastAdministrator, OwnMembership, ParentNotActive
from mpac.portal.models import CustomRole, Membership, Merchant, Psp, Store, User
from mpac.portal.selectors.hierarchy import get_merchant, get_psp, get_store
from mpac.portal.selectors.people import get_user, list_memberships
from mpac.portal.services.impersonations import end_impersonations_with
from mpac.portal.services.revocations import refuse_earlier_tokens_of
from mpac.portal.services.sessions import end_sessions

# Roles of which somebody has to be left at each place that has them.
ADMINISTRATORS = frozenset({Role.PLATFORM_OPERATOR, Role.PSP_ADMIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A role at a place, as somebody names it: the deepest level is enough, what is above it follows."""

    role: Role
    custom_role_id: uuid.UUID | None = None
    psp_id: int | None = None
    merchant_id: int | None = None
    store_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """A role at a place that exists, and that the person who asked may give there."""

    role: Role
    custom_role: CustomRole | None
    place: Place
    permissions: frozenset[str]


def grant_membership(
    *, scope: Scope, by: Person, user_id: int, wanted: Wanted, now: dt.datetime
) -> Membership:
    """Give a role to a person whom the caller can see, once.

    Raises NotFound, Invalid for a role at the wrong level, ParentNotActive, BeyondOwnRights and OwnMembership.
    """
    with atomic(scope):
        user = get_user(scope=scope, user_id=user_id)
        appointment = appoint(scope=scope, by=by, wanted=wanted)
        if user.pk == by.user_id:
            raise OwnMembership
        return admit(scope=scope, user=user, appointment=appointment, now=now)


def appoint(*, scope: Scope, by: Person, wanted: Wanted) -> Appointment:
    """What `wanted` means, if the person may give it; joins the open transaction. Raises as `grant_membership`."""
    place = _find_place(scope, wanted)
    if not fits(wanted.role, psp_id=place.psp_id, merchant_id=place.merchant_id, store_id=place.store_id) or (
        wanted.role is Role.CUSTOM
    ) != (wanted.custom_role_id is not None):
        fault = FieldError("role", "wrong_level", f"{wanted.role} does not belong at this level")
        raise Invalid(errors=[fault])
    custom_role = None
    if wanted.custom_role_id is not None:
        held = CustomRole.objects.select_for_update()  # it must not change or go before it is given
        custom_role = held.filter(id=wanted.custom_role_id, psp_id=place.psp_id).first()
        if custom_role is None:
            raise NotFound
    permissions = custom_role.allowed if custom_role is not None else ROLE_PERMISSIONS[wanted.role]
    if not by.authority.allows(permissions, place):
        raise BeyondOwnRights
    return Appointment(role=wanted.role, custom_role=custom_role, place=place, permissions=permissions)


def admit(*, scope: Scope, user: User, appointment: Appointment, now: dt.datetime) -> Membership:
    """Make a person a member, once; joins the open transaction.

    Whoever acts as this person was let do so as the person was: that ends.
    """
    place = appointment.place
    membership: Membership
    membership, granted = Membership.objects.get_or_create(
        user=user,
        role=appointment.role,
        custom_role=appointment.custom_role,
        psp_id=place.psp_id,
        merchant_id=place.merchant_id,
        store_id=place.store_id,
        defaults={"created_at": now},
    )
    if granted:
        record(db, "membership.granted", membership, now=now)
        end_impersonations_with(scope=scope, user_id=user.pk, now=now)
    return membership


def withdraw_membership(
    *, scope: Scope, by: Person, user_id: int, membership_id: int, now: dt.datetime
) -> Membership:
    """Take one role away; tokens that were issued with it are refused within seconds.

    Raises NotFound, BeyondOwnRights, OwnMembership and LastAdministrator.
    """
    with atomic(scope):
        user = get_user(scope=scope, user_id=user_id)
        membership = list_memberships(user_id=user.pk).filter(id=membership_id).first()
        if membership is None:
            raise NotFound
        _withdraw([membership], scope=scope, by=by, now=now)
    return membership


def remove_user(*, scope: Scope, by: Person, user_id: int, now: dt.datetime) -> User:
    """Take away every role that the caller can see; for the platform's operators the account ends, too.

    Raises like `withdraw_membership`.
    """
    with atomic(scope):
        user = get_user(scope=scope, user_id=user_id)
        _withdraw(list(list_memberships(user_id=user.pk)), scope=scope, by=by, now=now)
        if isinstance(scope, SystemScope):
            deactivate(user=user, scope=scope, by=by, now=now)
        return User.objects.get(pk=user.pk)


def deactivate(*, user: User, scope: Scope, by: Person, now: dt.datetime) -> None:
    """End an account; joins the open transaction. Raises OwnMembership and LastAdministrator."""
    if user.pk == by.user_id:
        raise OwnMembership
    for membership in _in_order(list_memberships(user_id=user.pk)):
        _require_another(membership)
    if user.is_active:
        before = {"is_active": True, "deactivated_at": None}
        User.objects.filter(pk=user.pk).update(is_active=False, deactivated_at=now, updated_at=now)
        after = {"is_active": False, "deactivated_at": now}
        record(db, "user.deactivated", user, before=before, after=after, now=now)
        end_sessions(scope=scope, user_id=user.pk, why=EndedBecause.DEACTIVATED, now=now)
        end_impersonations_with(scope=scope, user_id=user.pk, now=now)
        refuse_earlier_tokens_of(scope=scope, user_id=user.pk, now=now)


def _withdraw(memberships: list[Membership], *, scope: Scope, by: Person, now: dt.datetime) -> None:
    # The person first, then their roles, then the rest: everybody who changes what a person holds locks in this order.
    whose = sorted({membership.user_id for membership in memberships})
    list(User.objects.select_for_update(no_key=True).filter(pk__in=whose).order_by("pk"))
    for membership in _in_order(memberships):
        if membership.user_id == by.user_id:
            raise OwnMembership
        if not by.authority.allows(membership.permissions, membership.place):
            raise BeyondOwnRights
        _require_another(membership)
        record_removal(db, "membership.withdrawn", membership, now=now)
        Membership.objects.filter(pk=membership.pk).delete()
    for user_id in whose:
        end_impersonations_with(scope=scope, user_id=user_id, now=now)
        refuse_earlier_tokens_of(scope=scope, user_id=user_id, now=now)


def _in_order(memberships: Iterable[Membership]) -> list[Membership]:
    """In the order in which everybody locks the administrators of several places, so that nobody waits in a circle."""
    return sorted(memberships, key=lambda each: (each.psp_id or 0, each.pk))


def _require_another(membership: Membership) -> None:
    """Raises LastAdministrator when nobody else could administer the place.

    It locks all who do: of two who are taken away at once, the second is looked at when the first is gone.
    """
    if membership.role not in ADMINISTRATORS:
        return
    there = Membership.objects.filter(role=membership.role, psp_id=membership.psp_id)
    locked = list(there.select_for_update().order_by("id").values_list("user_id", flat=True))
    others = set(locked) - {membership.user_id}
    if not User.objects.filter(id__in=others, is_active=True).exists():
        raise LastAdministrator


def _find_place(scope: Scope, wanted: Wanted) -> Place:
    """The place that is named, which must exist, be visible and do business. Raises NotFound and ParentNotActive."""
    entry: Psp | Merchant | Store
    if wanted.store_id is not None:
        entry = get_store(scope=scope, store_id=wanted.store_id)
        place = Place(entry.psp_id, entry.merchant_id, entry.id)
    elif wanted.merchant_id is not None:
        entry = get_merchant(scope=scope, merchant_id=wanted.merchant_id)
        place = Place(entry.psp_id, entry.id)
    elif wanted.psp_id is not None:
        entry = get_psp(scope=scope, psp_id=wanted.psp_id)
        place = Place(entry.id)
    else:
        return Place()
    if wanted.psp_id not in (None, place.psp_id) or wanted.merchant_id not in (None, place.merchant_id):
        raise NotFound
    if not entry.is_active:
        raise ParentNotActive
    return place
