"""People and their roles, as far as a caller may see them: a tenant's callers see who is a member of it."""

import datetime as dt
import uuid

from django.db.models import Prefetch, QuerySet

from kernel.errors import NotFound
from kernel.tenancy import Scope, SystemScope, current_scope
from mpac.portal.db import atomic, db
from mpac.portal.domain.impersonations import ImpersonationStatus
from mpac.portal.models import CustomRole, Impersonation, Invitation, Membership, User


def list_users(*, email: str | None = None, is_active: bool | None = None) -> "QuerySet[User]":
    """The people whom the open transaction may see, each with the memberships that it may see."""
    people: QuerySet[User] = User.objects.prefetch_related(_memberships())
    if not isinstance(current_scope(db.alias), SystemScope):
        people = people.filter(id__in=Membership.objects.values("user_id"))
    if email is not None:
        people = people.filter(email=email.strip().lower())
    return people if is_active is None else people.filter(is_active=is_active)


def get_user(*, scope: Scope, user_id: int) -> User:
    """One of them. Raises NotFound."""
    with atomic(scope):
        found = list_users().filter(id=user_id).first()
    if found is None:
        raise NotFound
    return found


def find_active_user(*, user_id: int | None) -> User | None:
    """The active person behind a token's subject."""
    if user_id is None:
        return None
    with atomic(SystemScope("authentication")):
        return User.objects.filter(id=user_id, is_active=True).first()


def list_memberships(*, user_id: int) -> "QuerySet[Membership]":
    """A person's memberships that the open transaction may see."""
    found: QuerySet[Membership] = Membership.objects.filter(user_id=user_id).select_related("custom_role")
    return found


def list_custom_roles() -> "QuerySet[CustomRole]":
    """The custom roles that the open transaction may see."""
    found: QuerySet[CustomRole] = CustomRole.objects.all()
    return found


def get_custom_role(*, scope: Scope, role_id: uuid.UUID) -> CustomRole:
    """A custom role. Raises NotFound."""
    with atomic(scope):
        found: CustomRole | None = CustomRole.objects.filter(id=role_id).first()
    if found is None:
        raise NotFound
    return found


def list_invitations(*, status: str | None = None, email: str | None = None) -> "QuerySet[Invitation]":
    """The invitations that the open transaction may see."""
    found: QuerySet[Invitation] = Invitation.objects.select_related("custom_role")
    if status is not None:
        found = found.filter(status=status)
    return found if email is None else found.filter(email=email.strip().lower())


def get_invitation(*, scope: Scope, invitation_id: uuid.UUID) -> Invitation:
    """An invitation. Raises NotFound."""
    with atomic(scope):
        found = list_invitations().filter(id=invitation_id).first()
    if found is None:
        raise NotFound
    return found


def list_impersonations(
    *, status: str | None = None, user_id: int | None = None
) -> "QuerySet[Impersonation]":
    """The impersonations that the open transaction may see; of one person, those in their name."""
    found: QuerySet[Impersonation] = Impersonation.objects.all()
    if status is not None:
        found = found.filter(status=status)
    return found if user_id is None else found.filter(target_id=user_id)


def get_impersonation(*, scope: Scope, impersonation_id: uuid.UUID) -> Impersonation:
    """An impersonation. Raises NotFound."""
    with atomic(scope):
        found: Impersonation | None = Impersonation.objects.filter(id=impersonation_id).first()
    if found is None:
        raise NotFound
    return found


def find_console_impersonation(*, user_id: int, now: dt.datetime) -> Impersonation | None:
    """Whom this person sees the console as just now, or None for themselves."""
    with atomic(SystemScope("authentication")):
        active = Impersonation.objects.filter(
            impersonator_id=user_id, status=ImpersonationStatus.ACTIVE, in_console=True, expires_at__gt=now
        )
        found: Impersonation | None = active.select_related("target").order_by("-id").first()
    return found


def _memberships() -> Prefetch:
    return Prefetch("memberships", queryset=Membership.objects.select_related("custom_role").order_by("id"))
