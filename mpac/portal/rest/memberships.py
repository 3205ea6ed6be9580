"""Roles of people over HTTP, and the custom roles that providers make."""

import re

from kernel import ids
from kernel.errors import FieldError, Invalid
from kernel.rest import Page, PageQuery, Request, operation, paginate
from mpac.portal.db import atomic
from mpac.portal.domain.roles import Role
from mpac.portal.models.custom_role import PREFIX
from mpac.portal.rest import people_views as views
from mpac.portal.rest.people_bodies import CreateRole, GrantMembership, UpdateRole
from mpac.portal.rest.people_views import MembershipView, RoleView
from mpac.portal.rest.person import person_of
from mpac.portal.rest.users import READ, WRITE, PeopleEndpoint, given
from mpac.portal.selectors.people import get_custom_role, get_user, list_custom_roles, list_memberships
from mpac.portal.services import custom_roles, memberships
from mpac.portal.services.memberships import Wanted

WRITE_ROLES = "roles:write"
VERSION = re.compile(r'(?:W/)?"?([0-9]{1,9})"?')


class MembershipsEndpoint(PeopleEndpoint):
    """The roles of a person."""

    @operation(
        "memberships.list",
        summary="List a person's roles",
        query=PageQuery,
        response=Page[MembershipView],
        permission=READ,
    )
    def get(self, _request: Request, query: PageQuery, user_id: int) -> Page[MembershipView]:
        scope = self.scope
        with atomic(scope):
            user = get_user(scope=scope, user_id=user_id)
            return paginate(list_memberships(user_id=user.pk), query, views.membership, integer=True)

    @operation(
        "memberships.grant",
        summary="Give a person a role that you hold yourself",
        body=GrantMembership,
        response=MembershipView,
        status=201,
        errors=(409,),
        permission=WRITE,
    )
    def post(self, request: Request, body: GrantMembership, user_id: int) -> MembershipView:
        granted = memberships.grant_membership(
            scope=self.scope,
            by=person_of(request.user),
            user_id=user_id,
            wanted=wanted(body, psp_id=request.user.psp_id),
            now=self.now,
        )
        return views.membership(granted)


class MembershipEndpoint(PeopleEndpoint):
    """One role of a person."""

    @operation(
        "memberships.withdraw",
        summary="Withdraw a role: tokens that carry it are refused within seconds",
        response=MembershipView,
        errors=(409,),
        permission=WRITE,
    )
    def delete(self, request: Request, user_id: int, membership_id: int) -> MembershipView:
        withdrawn = memberships.withdraw_membership(
            scope=self.scope,
            by=person_of(request.user),
            user_id=user_id,
            membership_id=membership_id,
            now=self.now,
        )
        return views.membership(withdrawn)


class RolesEndpoint(PeopleEndpoint):
    """The roles that a provider made."""

    @operation(
        "roles.list", summary="List custom roles", query=PageQuery, response=Page[RoleView], permission=READ
    )
    def get(self, _request: Request, query: PageQuery) -> Page[RoleView]:
        with atomic(self.scope):
            return paginate(list_custom_roles(), query, views.role)

    @operation(
        "roles.create",
        summary="Make a role of permissions that you hold yourself",
        body=CreateRole,
        response=RoleView,
        status=201,
        errors=(404, 409),
        permission=WRITE_ROLES,
        reach="psp",
    )
    def post(self, request: Request, body: CreateRole) -> RoleView:
        psp_id = body.psp_id or request.user.psp_id
        if psp_id is None:
            raise Invalid(errors=[FieldError("psp_id", "required", "say whose role this is")])
        created = custom_roles.create_custom_role(
            scope=self.scope,
            by=person_of(request.user),
            psp_id=psp_id,
            name=body.name,
            description=body.description,
            permissions=body.permissions,
            now=self.now,
        )
        return views.role(created)


class RoleEndpoint(PeopleEndpoint):
    """One role that a provider made."""

    @operation("roles.read", summary="Read a custom role", response=RoleView, permission=READ)
    def get(self, _request: Request, role_id: str) -> RoleView:
        return views.role(get_custom_role(scope=self.scope, role_id=ids.decode(PREFIX, role_id)))

    @operation(
        "roles.update",
        summary="Change a custom role: tokens of those who have it are refused within seconds",
        body=UpdateRole,
        response=RoleView,
        errors=(409,),
        if_match=True,
        permission=WRITE_ROLES,
        reach="psp",
    )
    def patch(self, request: Request, body: UpdateRole, role_id: str) -> RoleView:
        changed = custom_roles.update_custom_role(
            scope=self.scope,
            by=person_of(request.user),
            role_id=ids.decode(PREFIX, role_id),
            version=_expected_version(request),
            **given(body),
            now=self.now,
        )
        return views.role(changed)

    @operation(
        "roles.delete",
        summary="Remove a custom role that nobody has",
        response=RoleView,
        errors=(409,),
        permission=WRITE_ROLES,
        reach="psp",
    )
    def delete(self, request: Request, role_id: str) -> RoleView:
        removed = custom_roles.delete_custom_role(
            scope=self.scope,
            by=person_of(request.user),
            role_id=ids.decode(PREFIX, role_id),
            now=self.now,
        )
        return views.role(removed)


def wanted(body: GrantMembership, *, psp_id: int | None) -> Wanted:
    """The role and place that a body names; a caller who names none means the whole of their provider."""
    role = Role(body.role)
    named = any((body.psp_id, body.merchant_id, body.store_id))
    return Wanted(
        role=role,
        custom_role_id=ids.decode(PREFIX, body.role_id) if body.role_id is not None else None,
        psp_id=psp_id if not named and role is not Role.PLATFORM_OPERATOR else body.psp_id,
        merchant_id=body.merchant_id,
        store_id=body.store_id,
    )


def _expected_version(request: Request) -> int:
    """The version in the If-Match header, bare or as an entity tag. Raises Invalid."""
    found = VERSION.fullmatch(request.headers.get("If-Match", "").strip())
    if found is None:
        fault = FieldError("If-Match", "required", "Say which version you have seen.")
        raise Invalid(code="if_match_required", errors=[fault])
    return int(found[1])
