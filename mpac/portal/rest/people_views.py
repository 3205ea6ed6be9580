"""What the endpoints of people, roles, invitations and impersonations answer."""

import datetime as dt
from typing import Literal

from kernel.clock import rfc3339
from kernel.principal import Principal
from kernel.rest import Instant, View
from mpac.portal.models import (
    CustomRole,
    Impersonation,
    Invitation,
    Membership,
    User,
    UserPreferences,
    UserProfile,
)


class MembershipView(View, kw_only=True):
    id: int
    created_at: Instant
    user_id: int
    psp_id: int | None
    merchant_id: int | None
    store_id: int | None
    role: str
    role_id: str | None
    permissions: list[str]
    object: Literal["membership"] = "membership"


class UserView(View, kw_only=True):
    """A person, with the memberships that the caller may see."""

    id: int
    created_at: Instant
    updated_at: Instant
    email: str
    full_name: str
    phone_number: str
    status: Literal["active", "deactivated"]
    email_verified_at: Instant | None
    last_login_at: Instant | None
    memberships: list[MembershipView]
    object: Literal["user"] = "user"


class OwnUserView(UserView, kw_only=True):
    """Oneself, with what one's token allows; `impersonated_by` is who acts in one's name just now."""

    permissions: list[str]
    impersonated_by: int | None


class ProfileView(View, kw_only=True):
    id: int
    created_at: Instant
    updated_at: Instant
    first_name: str
    last_name: str
    date_of_birth: dt.date | None
    address_line1: str
    address_line2: str
    city: str
    state: str
    country: str
    postal_code: str
    preferred_currency: str
    time_zone: str
    language: str
    object: Literal["user_profile"] = "user_profile"


class PreferencesView(View, kw_only=True):
    id: int
    created_at: Instant
    updated_at: Instant
    email_notifications_enabled: bool
    sms_notifications_enabled: bool
    push_notifications_enabled: bool
    marketing_emails_enabled: bool
    object: Literal["user_preferences"] = "user_preferences"


class RoleView(View, kw_only=True):
    id: str
    created_at: Instant
    updated_at: Instant
    psp_id: int
    name: str
    description: str
    permissions: list[str]
    version: int
    object: Literal["role"] = "role"


class InvitationView(View, kw_only=True):
    """The secret of its link is in the mail alone."""

    id: str
    created_at: Instant
    updated_at: Instant
    expires_at: Instant
    psp_id: int | None
    merchant_id: int | None
    store_id: int | None
    email: str
    full_name: str
    role: str
    role_id: str | None
    status: str
    sent_at: Instant | None
    object: Literal["invitation"] = "invitation"


class ImpersonationView(View, kw_only=True):
    id: str
    created_at: Instant
    updated_at: Instant
    expires_at: Instant
    psp_id: int
    merchant_id: int | None
    store_id: int | None
    impersonator_id: int
    user_id: int
    reason: str
    ticket: str
    minutes: int
    writes: bool
    status: str
    decided_by: int | None
    decided_at: Instant | None
    started_at: Instant | None
    ended_by: int | None
    ended_at: Instant | None
    object: Literal["impersonation"] = "impersonation"


def membership(held: Membership) -> MembershipView:
    """A membership as the API shows it."""
    return MembershipView(
        id=held.pk,
        created_at=rfc3339(held.created_at),
        user_id=held.user_id,
        psp_id=held.psp_id,
        merchant_id=held.merchant_id,
        store_id=held.store_id,
        role=held.role,
        role_id=held.custom_role.public_id if held.custom_role is not None else None,
        permissions=sorted(held.permissions),
    )


def user(person: User) -> UserView:
    """A person as the API shows them."""
    return UserView(
        id=person.pk,
        created_at=rfc3339(person.created_at),
        updated_at=rfc3339(person.updated_at),
        email=person.email,
        full_name=person.full_name,
        phone_number=person.phone_number,
        status="active" if person.is_active else "deactivated",
        email_verified_at=_instant(person.email_verified_at),
        last_login_at=_instant(person.last_login),
        memberships=[membership(held) for held in person.memberships.all()],
    )


def own_user(person: User, *, principal: Principal) -> OwnUserView:
    """A person as they see themselves."""
    shown = {name: getattr(user(person), name) for name in UserView.__struct_fields__ if name != "object"}
    return OwnUserView(
        **shown,
        permissions=sorted(principal.scopes),
        impersonated_by=int(principal.actor.removeprefix("user:")) if principal.actor else None,
    )


def profile(row: UserProfile) -> ProfileView:
    """What a person says about themselves."""
    return ProfileView(
        id=row.user_id,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        **{name: getattr(row, name) for name in UserProfile.FIELDS},
    )


def preferences(row: UserPreferences) -> PreferencesView:
    """What a person wants to be told."""
    return PreferencesView(
        id=row.user_id,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        **{name: getattr(row, name) for name in UserPreferences.FIELDS},
    )


def role(row: CustomRole) -> RoleView:
    """A custom role as the API shows it."""
    return RoleView(
        id=row.public_id,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        psp_id=row.psp_id,
        name=row.name,
        description=row.description,
        permissions=sorted(row.allowed),
        version=row.version,
    )


def invitation(row: Invitation) -> InvitationView:
    """An invitation as the API shows it; whether the address has an account does not show."""
    return InvitationView(
        id=row.public_id,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        expires_at=rfc3339(row.expires_at),
        psp_id=row.psp_id,
        merchant_id=row.merchant_id,
        store_id=row.store_id,
        email=row.email,
        full_name=row.full_name,
        role=row.role,
        role_id=row.custom_role.public_id if row.custom_role is not None else None,
        status=str(row.status),
        sent_at=_instant(row.sent_at),
    )


def impersonation(row: Impersonation) -> ImpersonationView:
    """An impersonation as the API shows it."""
    return ImpersonationView(
        id=row.public_id,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        expires_at=rfc3339(row.expires_at),
        psp_id=row.psp_id,
        merchant_id=row.merchant_id,
        store_id=row.store_id,
        impersonator_id=row.impersonator_id,
        user_id=row.target_id,
        reason=row.reason,
        ticket=row.ticket,
        minutes=row.minutes,
        writes=row.writes,
        status=str(row.status),
        decided_by=row.decided_by_id,
        decided_at=_instant(row.decided_at),
        started_at=_instant(row.started_at),
        ended_by=row.ended_by_id,
        ended_at=_instant(row.ended_at),
    )


def _instant(moment: dt.datetime | None) -> str | None:
    return rfc3339(moment) if moment is not None else None
