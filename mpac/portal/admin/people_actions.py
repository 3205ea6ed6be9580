"""What some people may do about others from the console: invite, grant, withdraw, deactivate, act as them, decide about that.

Services are asked the same as over HTTP; whoever clicks needs the permission at that place, and holds what they give.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.http import HttpRequest

from kernel import ids
from kernel.admin import ListAction, RowAction, console_scope
from kernel.admin.actions import Person as Viewer
from kernel.errors import Forbidden
from kernel.tenancy import Scope, SystemScope, TenantScope
from mpac.portal.domain.authority import Person
from mpac.portal.domain.impersonations import LONGEST_MINUTES, ImpersonationStatus
from mpac.portal.domain.invitations import InvitationStatus
from mpac.portal.domain.roles import Role
from mpac.portal.models import CustomRole, Impersonation, Invitation, Membership, User
from mpac.portal.models.custom_role import PREFIX as CUSTOM_ROLE
from mpac.portal.selectors.authority import get_authority
from mpac.portal.services import impersonations, invitations, memberships, users
from mpac.portal.services.impersonations import Reasons
from mpac.portal.services.memberships import Wanted

ROLES = [(role.value, role.value.replace("_", " ")) for role in Role if role is not Role.CUSTOM]
CONSOLE = SystemScope("console")
MOST_ROLES = 500


class PlaceForm(forms.Form):
    """A role, and where; of the place its deepest level is enough."""

    role = forms.ChoiceField(choices=ROLES)  # and those that providers made, which `offer_roles` adds
    psp_id = forms.IntegerField(required=False, min_value=1, label="PSP")
    merchant_id = forms.IntegerField(required=False, min_value=1, label="merchant")
    store_id = forms.IntegerField(required=False, min_value=1, label="store")


class InviteForm(PlaceForm):
    """Somebody, and what they are invited to."""

    email = forms.EmailField()
    full_name = forms.CharField(required=False, max_length=200)
    field_order = ("email", "full_name")


class ImpersonateForm(forms.Form):
    """Why, by which ticket, for how long."""

    reason = forms.CharField(min_length=5, max_length=500, help_text="why")
    ticket = forms.CharField(max_length=100, help_text="where it was asked for")
    minutes = forms.IntegerField(min_value=1, max_value=LONGEST_MINUTES, initial=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAction(RowAction):
    """Done to a person, who belongs to no place: whoever has the permission anywhere is asked, the service looks where."""

    def is_open_to(self, request: HttpRequest, row: Any = None) -> bool:
        return bool(request.user.has_perm(self.permission))


def offer_roles(form: PlaceForm, request: HttpRequest) -> None:
    """The built-in roles and those of the providers that this person sees; their own provider is filled in."""
    custom = CustomRole.objects.order_by("psp_id", "name")[:MOST_ROLES]
    role = cast("forms.ChoiceField", form.fields["role"])
    role.choices = [*ROLES, *((each.public_id, f"{each.name} (PSP {each.psp_id})") for each in custom)]
    scope = console_scope(request)
    if isinstance(scope, TenantScope):
        form.fields["psp_id"].initial = scope.psp_id
        form.fields["merchant_id"].initial = scope.merchant_id


def person_named(actor: str) -> Person:
    """Who clicks, with what they hold now."""
    user_id = int(actor.removeprefix("user:"))
    return Person(user_id, get_authority(user_id=user_id))


def scope_of(row: Any) -> Scope:
    """The tenant of a row, as wide as its level; operators' rows belong to none."""
    if row.psp_id is None:
        return CONSOLE
    return TenantScope(row.psp_id, row.merchant_id, (row.store_id,) if row.store_id else None)


def invite(person: Viewer, now: dt.datetime, *, email: str, full_name: str, **place: Any) -> str:
    """Invite somebody."""
    made = invitations.invite_person(
        scope=person.scope,
        by=person_named(person.name),
        email=email,
        full_name=full_name,
        wanted=_wanted(**place),
        now=now,
    )
    return f"An invitation is on its way to {made.email}."


def grant(row: User, actor: str, now: dt.datetime, **place: Any) -> str:
    """Give a person a role."""
    by, wanted = person_named(actor), _wanted(**place)
    held = memberships.grant_membership(scope=_seen_by(by), by=by, user_id=row.pk, wanted=wanted, now=now)
    return f"Now {row.email} is {held.custom_role.name if held.custom_role else held.role.replace('_', ' ')}."


def withdraw(row: Membership, actor: str, now: dt.datetime) -> str:
    """Take a role away."""
    memberships.withdraw_membership(
        scope=scope_of(row), by=person_named(actor), user_id=row.user_id, membership_id=row.pk, now=now
    )
    return "Withdrawn. Tokens that carry it are refused within seconds."


def sign_out(row: User, actor: str, now: dt.datetime) -> str:
    """End the sessions in which a person acts for the tenant of who clicks."""
    users.end_sessions_of(scope=_seen_by(person_named(actor)), user_id=row.pk, now=now)
    return f"Now {row.email} is signed out; tokens are refused within seconds."


def deactivate(row: User, actor: str, now: dt.datetime) -> str:
    """Withdraw all roles of a person and end the account."""
    memberships.remove_user(scope=CONSOLE, by=person_named(actor), user_id=row.pk, now=now)
    return f"Now {row.email} has no role and no access any more."


def resend(row: Invitation, actor: str, now: dt.datetime) -> str:
    """Mail a new link."""
    invitations.resend_invitation(scope=scope_of(row), by=person_named(actor), invitation_id=row.pk, now=now)
    return f"A new link is on its way to {row.email}."


def call_back(row: Invitation, actor: str, now: dt.datetime) -> str:
    """Withdraw an invitation."""
    invitations.withdraw_invitation(
        scope=scope_of(row), by=person_named(actor), invitation_id=row.pk, now=now
    )
    return "Withdrawn."


def impersonate(row: User, actor: str, now: dt.datetime, *, reason: str, ticket: str, minutes: int) -> str:
    """See the console as this person does."""
    by = person_named(actor)
    why = Reasons(reason=reason, ticket=ticket, minutes=minutes, in_console=True)
    impersonations.request_impersonation(scope=_seen_by(by), by=by, user_id=row.pk, why=why, now=now)
    return f"You see the console as {row.email} does. It ends by itself after {minutes} minutes."


def approve(row: Impersonation, actor: str, now: dt.datetime) -> str:
    """Let somebody write in another's name."""
    by = person_named(actor)
    impersonations.approve_impersonation(scope=scope_of(row), by=by, impersonation_id=row.pk, now=now)
    return "Approved."


def refuse(row: Impersonation, actor: str, now: dt.datetime) -> str:
    """Say no."""
    by = person_named(actor)
    impersonations.refuse_impersonation(scope=scope_of(row), by=by, impersonation_id=row.pk, now=now)
    return "Refused."


def end(row: Impersonation, actor: str, now: dt.datetime) -> str:
    """End it early."""
    by = person_named(actor)
    impersonations.end_impersonation(scope=scope_of(row), by=by, impersonation_id=row.pk, now=now)
    return "Ended. Its tokens are refused within seconds."


def _seen_by(by: Person) -> Scope:
    """Whose rows the person sees in the console. Raises Forbidden for who sees none."""
    scope = User.objects.get(pk=by.user_id).console_scope()
    if scope is None:
        raise Forbidden
    return scope


def _wanted(
    *, role: str, psp_id: int | None = None, merchant_id: int | None = None, store_id: int | None = None
) -> Wanted:
    custom = role.startswith(f"{CUSTOM_ROLE}_")
    return Wanted(
        role=Role.CUSTOM if custom else Role(role),
        custom_role_id=ids.decode(CUSTOM_ROLE, role) if custom else None,
        psp_id=psp_id,
        merchant_id=merchant_id,
        store_id=store_id,
    )


INVITE = ListAction(
    name="invite",
    words="Invite somebody",
    question="Invite somebody by mail to a role that you hold yourself?",
    permission="people:write",
    run=invite,
    form=InviteForm,
    narrow=offer_roles,
)
GRANT = PersonAction(
    name="grant",
    words="Grant a role",
    question="Give this person a role that you hold yourself?",
    permission="people:write",
    run=grant,
    form=PlaceForm,
    narrow=offer_roles,
    fits=lambda user: user.is_active,
)
SIGN_OUT = PersonAction(
    name="sign-out",
    words="Sign out everywhere",
    question="End all sessions in which this person acts here? Their tokens are refused within seconds.",
    permission="sessions:write",
    run=sign_out,
)
DEACTIVATE = RowAction(
    name="deactivate",
    words="Deactivate",
    question="Withdraw all roles of this person and end the account?",
    permission="people:write",
    run=deactivate,
    fits=lambda user: user.is_active,
)
IMPERSONATE = PersonAction(
    name="impersonate",
    words="See as this person",
    question="See the console as this person sees it, and change nothing? Both of you are in the log.",
    permission="impersonation:request",
    run=impersonate,
    form=ImpersonateForm,
    fits=lambda user: user.is_active,
)
WITHDRAW = RowAction(
    name="withdraw",
    words="Withdraw",
    question="Take this role away from the person?",
    permission="people:write",
    run=withdraw,
    removes=True,
)
RESEND = RowAction(
    name="resend",
    words="Send again",
    question="Mail a new link? The former one leads nowhere any more.",
    permission="people:write",
    run=resend,
    fits=lambda invitation: invitation.status == InvitationStatus.PENDING,
)
CALL_BACK = RowAction(
    name="withdraw",
    words="Withdraw",
    question="Withdraw this invitation?",
    permission="people:write",
    run=call_back,
    fits=lambda invitation: invitation.status == InvitationStatus.PENDING,
)
APPROVE = RowAction(
    name="approve",
    words="Approve",
    question="Let this person write in the other's name until the time is over?",
    permission="impersonation:approve",
    run=approve,
    fits=lambda row: row.status == ImpersonationStatus.REQUESTED,
)
REFUSE = RowAction(
    name="refuse",
    words="Refuse",
    question="Refuse this request?",
    permission="impersonation:approve",
    run=refuse,
    fits=lambda row: row.status == ImpersonationStatus.REQUESTED,
)
END = RowAction(
    name="end",
    words="End",
    question="End this impersonation now?",
    permission="impersonation:request",
    run=end,
    fits=lambda row: row.status in {ImpersonationStatus.REQUESTED, ImpersonationStatus.ACTIVE},
)
