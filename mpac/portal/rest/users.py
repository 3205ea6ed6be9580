"""People over HTTP: a tenant sees its members, everybody sees themselves, the platform's operators keep the accounts."""

from typing import Any

from msgspec import UNSET, Struct

from kernel.errors import Unauthenticated
from kernel.rest import Endpoint, Page, Request, operation, paginate
from mpac.portal.db import atomic, db
from mpac.portal.rest import people_views as views
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.rest.people_bodies import (
    ListUsers,
    RegisterUser,
    UpdateOwnUser,
    UpdatePreferences,
    UpdateProfile,
    UpdateUser,
)
from mpac.portal.rest.people_views import OwnUserView, PreferencesView, ProfileView, UserView
from mpac.portal.rest.person import person_of
from mpac.portal.selectors.people import get_user, list_users
from mpac.portal.services import memberships, users

READ, WRITE = "people:read", "people:write"


class PeopleEndpoint(PortalEndpoint):
    """For people: no server's key says who may do what."""

    callers = frozenset({"person"})


class UsersEndpoint(PeopleEndpoint):
    """The people of a tenant."""

    @operation("users.list", summary="List people", query=ListUsers, response=Page[UserView], permission=READ)
    def get(self, _request: Request, query: ListUsers) -> Page[UserView]:
        is_active = None if query.status is None else query.status == "active"
        with atomic(self.scope):
            return paginate(
                list_users(email=query.email, is_active=is_active), query, views.user, integer=True
            )

    @operation(
        "users.create",
        summary="Register a person who has no role yet",
        body=RegisterUser,
        response=UserView,
        status=201,
        errors=(409,),
        permission=WRITE,
        reach="platform",
    )
    def post(self, _request: Request, body: RegisterUser) -> UserView:
        scope = self.scope
        with atomic(scope):
            made = users.register_user(scope=scope, email=body.email, full_name=body.full_name, now=self.now)
            return views.user(get_user(scope=scope, user_id=made.pk))


class UserEndpoint(PeopleEndpoint):
    """One person."""

    @operation("users.read", summary="Read a person", response=UserView, permission=READ)
    def get(self, _request: Request, user_id: int) -> UserView:
        return views.user(get_user(scope=self.scope, user_id=user_id))

    @operation(
        "users.update",
        summary="Change, deactivate or reactivate a person's account",
        body=UpdateUser,
        response=UserView,
        errors=(409,),
        permission=WRITE,
        reach="platform",
    )
    def patch(self, request: Request, body: UpdateUser, user_id: int) -> UserView:
        changes = given(body)
        if (status := changes.pop("status", None)) is not None:
            changes["is_active"] = status == "active"
        scope, by = self.scope, person_of(request.user)
        with atomic(scope):
            users.update_user(scope=scope, by=by, user_id=user_id, changes=changes, now=self.now)
            return views.user(get_user(scope=scope, user_id=user_id))

    @operation(
        "users.delete",
        summary="Withdraw all roles of a person; an operator of the platform ends the account, too",
        response=UserView,
        errors=(409,),
        permission=WRITE,
    )
    def delete(self, request: Request, user_id: int) -> UserView:
        scope, by = self.scope, person_of(request.user)
        with atomic(scope):
            removed = memberships.remove_user(scope=scope, by=by, user_id=user_id, now=self.now)
            return views.user(removed)


class UserSessionsEndpoint(PeopleEndpoint):
    """Where a person is signed in, as far as the caller's tenant is concerned."""

    @operation(
        "users.end_sessions",
        summary="End all sessions in which a person acts for the caller's tenant",
        response=UserView,
        permission="sessions:write",
        reach="psp",
    )
    def delete(self, _request: Request, user_id: int) -> UserView:
        with atomic(self.scope):
            return views.user(users.end_sessions_of(scope=self.scope, user_id=user_id, now=self.now))


class OwnEndpoint(Endpoint):
    """Base of what people do to themselves; it needs no role."""

    callers = frozenset({"person"})
    db = db

    def own_id(self) -> int:
        """Whose token this is. Raises Unauthenticated for a token of nobody."""
        user_id = self.request.user.user_id
        if user_id is None:
            raise Unauthenticated
        return user_id


class OwnUserEndpoint(OwnEndpoint):
    """Oneself."""

    @operation("users.me", summary="Read yourself and what your token allows", response=OwnUserView)
    def get(self, request: Request) -> OwnUserView:
        person = get_user(scope=users.OWN, user_id=self.own_id())
        return views.own_user(person, principal=request.user)

    @operation(
        "users.update_me",
        summary="Change your name or telephone number",
        body=UpdateOwnUser,
        response=OwnUserView,
    )
    def patch(self, request: Request, body: UpdateOwnUser) -> OwnUserView:
        users.update_own_account(user_id=self.own_id(), changes=given(body), now=self.now)
        person = get_user(scope=users.OWN, user_id=self.own_id())
        return views.own_user(person, principal=request.user)


class OwnProfileEndpoint(OwnEndpoint):
    """What one says about oneself."""

    @operation("users.profile", summary="Read your profile", response=ProfileView)
    def get(self, _request: Request) -> ProfileView:
        return views.profile(users.get_profile(user_id=self.own_id(), now=self.now))

    @operation(
        "users.update_profile", summary="Change your profile", body=UpdateProfile, response=ProfileView
    )
    def patch(self, _request: Request, body: UpdateProfile) -> ProfileView:
        changed = users.update_profile(user_id=self.own_id(), changes=given(body), now=self.now)
        return views.profile(changed)


class OwnPreferencesEndpoint(OwnEndpoint):
    """What one wants to be told."""

    @operation("users.preferences", summary="Read your preferences", response=PreferencesView)
    def get(self, _request: Request) -> PreferencesView:
        return views.preferences(users.get_preferences(user_id=self.own_id(), now=self.now))

    @operation(
        "users.update_preferences",
        summary="Change your preferences",
        body=UpdatePreferences,
        response=PreferencesView,
    )
    def patch(self, _request: Request, body: UpdatePreferences) -> PreferencesView:
        changed = users.update_preferences(user_id=self.own_id(), changes=given(body), now=self.now)
        return views.preferences(changed)


def given(body: Struct) -> dict[str, Any]:
    """The fields of a body that were sent."""
    values = {name: getattr(body, name) for name in body.__struct_fields__}
    return {name: value for name, value in values.items() if value is not UNSET}
