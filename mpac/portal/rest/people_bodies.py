"""What the endpoints of people, roles, invitations and impersonations take."""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from kernel.rest import Body, CurrencyCode, PageQuery
from mpac.portal.domain.impersonations import LONGEST_MINUTES
from mpac.portal.domain.permissions import PERMISSIONS
from mpac.portal.rest.bodies import Country, IntId, Text, TimeZone

Email = Annotated[
    str,
    msgspec.Meta(
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$",
        examples=["somchai@example.com"],
    ),
]
PhoneNumber = Annotated[
    str, msgspec.Meta(max_length=16, pattern=r"^(\+[1-9][0-9]{5,14})?$", examples=["+66812345678"])
]
# May be empty, and holds no control characters.
Line = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Language = Annotated[
    str, msgspec.Meta(max_length=10, pattern="^[a-z]{2,3}(-[A-Z]{2})?$", examples=["th", "en-US"])
]
RoleName = Literal[
    "platform_operator", "psp_admin", "merchant_admin", "store_manager", "cashier", "auditor", "custom"
]
RoleId = Annotated[str, msgspec.Meta(pattern="^role_[0-9a-hjkmnp-tv-z]{26}$")]
PermissionName = Annotated[
    str, msgspec.Meta(title="PermissionName", max_length=64, extra_json_schema={"enum": sorted(PERMISSIONS)})
]
Permissions = Annotated[list[PermissionName], msgspec.Meta(min_length=1, max_length=len(PERMISSIONS))]
Secret = Annotated[str, msgspec.Meta(min_length=20, max_length=100, pattern="^[A-Za-z0-9_-]+$")]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Why = Annotated[
    str,
    msgspec.Meta(min_length=5, max_length=500, pattern=r"^[^\x00-\x20\x7f-\xa0\s][^\x00-\x1f\x7f-\x9f]*$"),
]
Ticket = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern="^[!-~]+$")]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_MINUTES)]


class ListUsers(PageQuery):
    email: Email | None = None
    status: Literal["active", "deactivated"] | None = None


class RegisterUser(Body):
    """An account without a role; people get theirs by invitation."""

    email: Email
    full_name: Text


class UpdateUser(Body):
    """What is left out stays as it is."""

    full_name: Text | UnsetType = UNSET
    phone_number: PhoneNumber | UnsetType = UNSET
    status: Literal["active", "deactivated"] | UnsetType = UNSET


class UpdateOwnUser(Body):
    """What is left out stays as it is; an empty telephone number is none."""

    full_name: Text | UnsetType = UNSET
    phone_number: PhoneNumber | UnsetType = UNSET


class UpdateProfile(Body):
    """What is left out stays as it is."""

    first_name: Line | UnsetType = UNSET
    last_name: Line | UnsetType = UNSET
    date_of_birth: dt.date | UnsetType | None = UNSET
    address_line1: Line | UnsetType = UNSET
    address_line2: Line | UnsetType = UNSET
    city: Line | UnsetType = UNSET
    state: Line | UnsetType = UNSET
    country: Country | UnsetType = UNSET
    postal_code: Line | UnsetType = UNSET
    preferred_currency: CurrencyCode | UnsetType = UNSET
    time_zone: TimeZone | UnsetType = UNSET
    language: Language | UnsetType = UNSET


class UpdatePreferences(Body):
    """What is left out stays as it is."""

    email_notifications_enabled: bool | UnsetType = UNSET
    sms_notifications_enabled: bool | UnsetType = UNSET
    push_notifications_enabled: bool | UnsetType = UNSET
    marketing_emails_enabled: bool | UnsetType = UNSET


class GrantMembership(Body):
    """A role at a place; of the place its deepest level is enough. `custom` needs `role_id`."""

    role: RoleName
    role_id: RoleId | None = None
    psp_id: IntId | None = None
    merchant_id: IntId | None = None
    store_id: IntId | None = None


class CreateInvitation(GrantMembership, kw_only=True):
    """The same for somebody who may not have an account yet."""

    email: Email
    full_name: Line = ""


class ListInvitations(PageQuery):
    status: Literal["pending", "accepted", "withdrawn"] | None = None
    email: Email | None = None


class AcceptInvitation(Body):
    """Who has an account proves it by their password or by their token; who has none chooses a name and a password."""

    secret: Secret
    password: Password | None = None
    full_name: Line = ""


class CreateRole(Body):
    """`psp_id` says whose it is where the caller's token does not."""

    name: Text
    permissions: Permissions
    description: Line = ""
    psp_id: IntId | None = None


class UpdateRole(Body):
    """What is left out stays as it is."""

    name: Text | UnsetType = UNSET
    permissions: Permissions | UnsetType = UNSET
    description: Line | UnsetType = UNSET


class RequestImpersonation(Body):
    """Reading only starts at once; with `writes` a second person has to approve it first."""

    user_id: IntId
    reason: Why
    ticket: Ticket
    minutes: Minutes = LONGEST_MINUTES
    membership_id: IntId | None = None
    writes: bool = False


class ListImpersonations(PageQuery):
    status: Literal["requested", "active", "refused", "ended"] | None = None
    user_id: IntId | None = None
