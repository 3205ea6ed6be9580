"""Roles that a provider makes of named permissions. Nobody puts a permission into a role that they do not hold themselves."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import IntegrityError

from kernel.audit import record, record_removal, state
from kernel.errors import FieldError, Invalid, NotFound
from kernel.tenancy import Scope
from mpac.portal.db import atomic, db
from mpac.portal.domain.authority import Person, Place
from mpac.portal.domain.permissions import PERMISSIONS
from mpac.portal.errors import BeyondOwnRights, RoleInUse, RoleNameTaken, VersionChanged
from mpac.portal.models import CustomRole, Invitation, Membership
from mpac.portal.selectors.hierarchy import get_psp
from mpac.portal.services.revocations import refuse_earlier_tokens_of


def create_custom_role(
    *,
    scope: Scope,
    by: Person,
    psp_id: int,
    name: str,
    description: str,
    permissions: Sequence[str],
    now: dt.datetime,
) -> CustomRole:
    """A new role of a provider. Raises Invalid, NotFound, BeyondOwnRights and RoleNameTaken."""
    _check(permissions)
    with atomic(scope):
        psp = get_psp(scope=scope, psp_id=psp_id)
        _require(by, permissions, psp.id)
        role = CustomRole(
            psp_id=psp.id,
            name=name.strip(),
            description=description.strip(),
            permissions=sorted(set(permissions)),
            created_at=now,
            updated_at=now,
        )
        _save(role)
        record(db, "role.created", role, now=now)
    return role


def update_custom_role(
    *,
    scope: Scope,
    by: Person,
    role_id: uuid.UUID,
    version: int,
    name: str | None = None,
    description: str | None = None,
    permissions: Sequence[str] | None = None,
    now: dt.datetime,
) -> CustomRole:
    """Change the `version` of a role that the caller has seen; tokens that were issued with it are refused within seconds.

    Raises Invalid, NotFound, BeyondOwnRights, RoleNameTaken and VersionChanged.
    """
    _check(permissions or ())
    with atomic(scope):
        role = _locked(role_id)
        _require(by, {*role.permissions, *(permissions or ())} & PERMISSIONS.keys(), role.psp_id)
        if role.version != version:
            raise VersionChanged
        before = state(role)
        wanted = {
            "name": name.strip() if name is not None else None,
            "description": description.strip() if description is not None else None,
            "permissions": sorted(set(permissions)) if permissions is not None else None,
        }
        differing = {
            key: value for key, value in wanted.items() if value is not None and value != getattr(role, key)
        }
        if not differing:
            return role
        for key, value in differing.items():
            setattr(role, key, value)
        role.version += 1
        role.updated_at = now
        _save(role)
        record(db, "role.changed", role, before=before, now=now)
        if "permissions" in differing:
            holders = Membership.objects.filter(custom_role=role).values_list("user_id", flat=True)
            for user_id in sorted(set(holders)):
                refuse_earlier_tokens_of(scope=scope, user_id=user_id, now=now)
    return role


def delete_custom_role(*, scope: Scope, by: Person, role_id: uuid.UUID, now: dt.datetime) -> CustomRole:
    """Remove a role that nobody has or is invited to. Raises NotFound, BeyondOwnRights and RoleInUse."""
    with atomic(scope):
        role = _locked(role_id)
        _require(by, role.allowed, role.psp_id)
        if (
            Membership.objects.filter(custom_role=role).exists()
            or Invitation.objects.filter(custom_role=role).exists()
        ):
            raise RoleInUse
        record_removal(db, "role.deleted", role, now=now)
        CustomRole.objects.filter(pk=role.pk).delete()
    return role


def _check(permissions: Sequence[str]) -> None:
    if unknown := sorted(set(permissions) - PERMISSIONS.keys()):
        fault = FieldError("permissions", "unknown_permission", f"unknown: {', '.join(unknown)}"[:500])
        raise Invalid(errors=[fault])


def _require(by: Person, permissions: Sequence[str] | set[str] | frozenset[str], psp_id: int) -> None:
    if not by.authority.allows(permissions, Place(psp_id)):
        raise BeyondOwnRights


def _locked(role_id: uuid.UUID) -> CustomRole:
    role: CustomRole | None = CustomRole.objects.select_for_update().filter(id=role_id).first()
    if role is None:
        raise NotFound
    return role


def _save(role: CustomRole) -> None:
    try:
        role.save()
    except IntegrityError as error:
        if "portal_role_name" in str(error):
            raise RoleNameTaken from None
        raise
