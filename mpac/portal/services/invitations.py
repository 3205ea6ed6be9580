"""Inviting people by mail, and taking them in.

An invitation is the same, and is answered the same, whether its address has an account or not; only who holds the link
finds out, by the password that it asks for. The secret of a link counts once and for seven days.
"""

import datetime as dt
import uuid
from math import ceil

from django.db import IntegrityError

from kernel.audit import record, state
from kernel.errors import FieldError, Invalid, NotFound, RateLimited
from kernel.origin import acting
from kernel.tenancy import Scope, SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.authority import Person
from mpac.portal.domain.invitations import (
    LIFE_DAYS,
    MOST_A_DAY,
    MOST_FAILED_TRIES,
    MOST_MAILS,
    TRANSITIONS,
    InvitationStatus,
)
from mpac.portal.domain.mails import MailKind
from mpac.portal.domain.roles import Role
from mpac.portal.domain.secrets import digest, new_token
from mpac.portal.errors import (
    AlreadyInvited,
    BeyondOwnRights,
    EmailTaken,
    IllegalTransition,
    InvitationRefused,
    ParentNotActive,
)
from mpac.portal.models import Invitation, User
from mpac.portal.selectors.authority import get_authority
from mpac.portal.services.mails import post_mail
from mpac.portal.services.memberships import Appointment, Wanted, admit, appoint
from mpac.portal.services.people import create_user

SCOPE = SystemScope("authentication")


def invite_person(
    *, scope: Scope, by: Person, email: str, full_name: str, wanted: Wanted, now: dt.datetime
) -> Invitation:
    """Offer a role to whoever reads the mail of `email`.

    Raises what granting it would (`memberships.grant_membership`), AlreadyInvited, and RateLimited when the same address
    was invited again and again.
    """
    with atomic(scope):
        appointment = appoint(scope=scope, by=by, wanted=wanted)
        place = appointment.place
        _require_patience(email.strip().lower(), now)
        invitation = Invitation(
            psp_id=place.psp_id,
            merchant_id=place.merchant_id,
            store_id=place.store_id,
            email=email.strip().lower(),
            full_name=full_name.strip(),
            role=appointment.role,
            custom_role=appointment.custom_role,
            invited_by_id=by.user_id,
            created_at=now,
        )
        secret = _renew(invitation, now)
        try:
            invitation.save(force_insert=True)
        except IntegrityError as error:
            if "portal_invitation_once" in str(error):
                raise AlreadyInvited from None
            raise
        _mail(invitation, secret, scope=scope, now=now)
        record(db, "invitation.made", invitation, now=now)
    return invitation


def resend_invitation(*, scope: Scope, by: Person, invitation_id: uuid.UUID, now: dt.datetime) -> Invitation:
    """Mail a new link, which lasts seven days from now; the former one leads nowhere any more.

    Raises NotFound, BeyondOwnRights and IllegalTransition.
    """
    with atomic(scope):
        invitation = _locked(by, invitation_id)
        if invitation.times_sent >= MOST_MAILS:
            raise IllegalTransition(allowed=[InvitationStatus.WITHDRAWN])
        before = state(invitation)
        secret = _renew(invitation, now)
        invitation.save()
        _mail(invitation, secret, scope=scope, now=now)
        record(db, "invitation.sent_again", invitation, before=before, now=now)
    return invitation


def withdraw_invitation(
    *, scope: Scope, by: Person, invitation_id: uuid.UUID, now: dt.datetime
) -> Invitation:
    """Take an invitation back. Raises NotFound, BeyondOwnRights and IllegalTransition."""
    with atomic(scope):
        invitation = _locked(by, invitation_id)
        before = state(invitation)
        invitation.status, invitation.updated_at = InvitationStatus.WITHDRAWN, now
        invitation.save()
        record(db, "invitation.withdrawn", invitation, before=before, now=now)
    return invitation


def accept_invitation(
    *, secret: str, password: str | None, full_name: str, caller_id: int | None, now: dt.datetime
) -> Invitation:
    """Take the role, as `caller_id` or by the account's password; without an account, by choosing a password and a name.

    Taking it again by the same account changes nothing. Raises InvitationRefused, in the same words whatever is wrong with
    the link or the password, and Invalid for a password that is too weak for a new account.
    """
    with atomic(SCOPE):
        invitation = _find(secret, now)
        appointment = _appoint_again(invitation) if invitation is not None else None
        taken = None
        if invitation is not None and appointment is not None:
            user = _recognize(invitation, password, full_name, caller_id, now)
            taken = _take(invitation, appointment, user, now) if user is not None else None
    if taken is None:
        raise InvitationRefused
    return taken


def _find(secret: str, now: dt.datetime) -> Invitation | None:
    """The invitation of a link, locked, unless it is withdrawn, past its time or tried too often."""
    found: Invitation | None = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("custom_role")
        .filter(secret_hash=digest(secret))
        .exclude(status=InvitationStatus.WITHDRAWN)
        .filter(expires_at__gt=now, failed_tries__lt=MOST_FAILED_TRIES)
        .first()
    )
    return found


def _recognize(
    invitation: Invitation, password: str | None, full_name: str, caller_id: int | None, now: dt.datetime
) -> User | None:
    """Whoever accepts: an active account of the invited address, proved, or a new one. A wrong proof is counted."""
    user = User.objects.filter(email=invitation.email).first()
    if user is None:
        return _make_account(invitation, password, full_name, now)
    proved = user.pk == caller_id or (password is not None and user.check_password(password))
    if proved and user.is_active:
        return user
    before = state(invitation)
    invitation.failed_tries += 1
    invitation.save(update_fields=["failed_tries"])
    record(db, "invitation.refused", invitation, before=before, now=now)
    return None


def _make_account(invitation: Invitation, password: str | None, full_name: str, now: dt.datetime) -> User:
    faults = [
        FieldError(name, "required", "choose one")
        for name, value in (("password", password), ("full_name", full_name or invitation.full_name))
        if not value
    ]
    if faults:
        raise Invalid(errors=faults)
    try:
        return create_user(
            scope=SCOPE,
            email=invitation.email,
            password=password or "",
            full_name=full_name.strip() or invitation.full_name,
            now=now,
        )
    except EmailTaken:
        raise InvitationRefused from None


def _appoint_again(invitation: Invitation) -> Appointment | None:
    """What is offered, if who offered it may still do so."""
    inviter = Person(invitation.invited_by_id, get_authority(user_id=invitation.invited_by_id))
    wanted = Wanted(
        role=Role(invitation.role),
        custom_role_id=invitation.custom_role_id,
        psp_id=invitation.psp_id,
        merchant_id=invitation.merchant_id,
        store_id=invitation.store_id,
    )
    try:
        return appoint(scope=SCOPE, by=inviter, wanted=wanted)
    except (NotFound, BeyondOwnRights, ParentNotActive):
        return None


def _take(
    invitation: Invitation, appointment: Appointment, user: User, now: dt.datetime
) -> Invitation | None:
    """Give the person the role; nobody takes what they offered themselves."""
    if invitation.status == InvitationStatus.ACCEPTED:
        return invitation if invitation.accepted_by_id == user.pk else None
    if user.pk == invitation.invited_by_id:
        return None
    with acting("person", f"user:{user.pk}"):
        if user.email_verified_at is None:  # whoever has the link reads the mail
            User.objects.filter(pk=user.pk).update(email_verified_at=now, updated_at=now)
        admit(scope=SCOPE, user=user, appointment=appointment, now=now)
        before = state(invitation)
        invitation.status, invitation.accepted_by, invitation.updated_at = (
            InvitationStatus.ACCEPTED,
            user,
            now,
        )
        invitation.save()
        record(db, "invitation.accepted", invitation, before=before, now=now)
    return invitation


def _locked(by: Person, invitation_id: uuid.UUID) -> Invitation:
    """A pending invitation that the person could have made. Raises NotFound, BeyondOwnRights and IllegalTransition."""
    invitation: Invitation | None = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("custom_role")
        .filter(id=invitation_id)
        .first()
    )
    if invitation is None:
        raise NotFound
    if not by.authority.allows(invitation.permissions, invitation.place):
        raise BeyondOwnRights
    if invitation.status != InvitationStatus.PENDING:
        raise IllegalTransition(allowed=list(TRANSITIONS[InvitationStatus(invitation.status)]))
    return invitation


def _require_patience(email: str, now: dt.datetime) -> None:
    """Raises RateLimited. Only what the inviter sees counts, so it tells nothing of other tenants."""
    since = now - dt.timedelta(days=1)
    recent = Invitation.objects.filter(email=email, created_at__gt=since).order_by("-created_at")
    made = recent.values_list("created_at", flat=True)[MOST_A_DAY - 1 : MOST_A_DAY]
    for oldest in made:
        wait_s = ceil((oldest - since).total_seconds())
        raise RateLimited("This address was invited too often; wait.", retry_after_s=max(1, wait_s))


def _renew(invitation: Invitation, now: dt.datetime) -> str:
    """A new secret and a new week; of the secret only its digest stays here."""
    secret = new_token("inv")
    invitation.secret_hash = digest(secret)
    invitation.expires_at = now + dt.timedelta(days=LIFE_DAYS)
    invitation.failed_tries = 0
    invitation.times_sent += 1
    invitation.sent_at = invitation.updated_at = now
    return secret


def _mail(invitation: Invitation, secret: str, *, scope: Scope, now: dt.datetime) -> None:
    inviter = User.objects.get(pk=invitation.invited_by_id)
    role = invitation.custom_role.name if invitation.custom_role else invitation.role.replace("_", " ")
    post_mail(
        scope=scope,
        kind=MailKind.INVITATION,
        user=None,
        recipient=invitation.email,
        values={"inviter": inviter.full_name or inviter.email, "role": role, "days": str(LIFE_DAYS)},
        secret=secret,
        now=now,
    )
