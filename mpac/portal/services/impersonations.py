"""Acting as somebody else, for an hour at most.

Only as somebody who may do nothing that the impersonator may not do there themselves, never as oneself, as an operator of
the platform, or from within another impersonation. Reading starts at once; for writing a second person has to approve.
What is delicate stays out of reach either way, see `domain.impersonations.permitted`.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from kernel.audit import record, state
from kernel.errors import NotFound
from kernel.tenancy import Scope, SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.authority import Authority, Person
from mpac.portal.domain.impersonations import REQUEST_LIFE_MINUTES, TRANSITIONS, ImpersonationStatus
from mpac.portal.errors import BeyondOwnRights, IllegalTransition, ImpersonationRefused
from mpac.portal.models import Impersonation, Membership
from mpac.portal.selectors.authority import get_authority
from mpac.portal.selectors.people import get_user, list_memberships
from mpac.portal.services.revocations import revoke_tokens_of

APPROVE = "impersonation:approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """Why somebody wants to act as another, for how long, and whether to change things."""

    reason: str
    ticket: str
    minutes: int
    writes: bool = False
    in_console: bool = False


def request_impersonation(
    *,
    scope: Scope,
    by: Person,
    user_id: int,
    membership_id: int | None = None,
    why: Reasons,
    now: dt.datetime,
) -> Impersonation:
    """Begin to act as a person by one of their memberships, or ask for it when things are to be changed.

    Raises NotFound, and ImpersonationRefused for a person as whom nobody, or not this person, may act.
    """
    with atomic(scope):
        get_user(scope=scope, user_id=user_id)
    target = _target(by, user_id)
    with atomic(scope):
        membership = _membership(user_id, membership_id, target)
        waits = why.writes
        impersonation = Impersonation(
            psp_id=membership.psp_id,  # type: ignore[misc]  # operators, who have none, were refused
            merchant_id=membership.merchant_id,
            store_id=membership.store_id,
            impersonator_id=by.user_id,
            target_id=user_id,
            reason=why.reason.strip(),
            ticket=why.ticket.strip(),
            minutes=why.minutes,
            writes=why.writes,
            in_console=why.in_console,
            status=ImpersonationStatus.REQUESTED if waits else ImpersonationStatus.ACTIVE,
            started_at=None if waits else now,
            expires_at=now + dt.timedelta(minutes=REQUEST_LIFE_MINUTES if waits else why.minutes),
            created_at=now,
            updated_at=now,
        )
        impersonation.save(force_insert=True)
        action = "impersonation.requested" if waits else "impersonation.started"
        record(db, action, impersonation, reason=why.reason, now=now)
    return impersonation


def approve_impersonation(
    *, scope: Scope, by: Person, impersonation_id: uuid.UUID, now: dt.datetime
) -> Impersonation:
    """Let somebody change things in another's name; the time runs from now.

    Raises NotFound, IllegalTransition, BeyondOwnRights, and ImpersonationRefused for who asked for it themselves.
    """
    return _decide(ImpersonationStatus.ACTIVE, scope=scope, by=by, impersonation_id=impersonation_id, now=now)


def refuse_impersonation(
    *, scope: Scope, by: Person, impersonation_id: uuid.UUID, now: dt.datetime
) -> Impersonation:
    """Say no. Raises like `approve_impersonation`."""
    return _decide(
        ImpersonationStatus.REFUSED, scope=scope, by=by, impersonation_id=impersonation_id, now=now
    )


def end_impersonation(
    *, scope: Scope, by: Person, impersonation_id: uuid.UUID, now: dt.datetime
) -> Impersonation:
    """End it before its time: its tokens are refused within seconds. Whoever could approve it may end it, too.

    Raises NotFound, IllegalTransition and BeyondOwnRights.
    """
    with atomic(scope):
        impersonation = _locked(impersonation_id)
        if impersonation.impersonator_id != by.user_id and not by.authority.allows(
            {APPROVE}, impersonation.place
        ):
            raise BeyondOwnRights
        _require_step(impersonation, ImpersonationStatus.ENDED)
        _end([impersonation], scope=scope, ended_by=by.user_id, now=now)
    return impersonation


def stop_own_impersonation(*, user_id: int, now: dt.datetime) -> None:
    """End what somebody sees the console as, all of it, and be oneself again."""
    scope = SystemScope("authentication")
    with atomic(scope):
        found = Impersonation.objects.select_for_update().filter(
            impersonator_id=user_id, status=ImpersonationStatus.ACTIVE, in_console=True
        )
        _end(list(found.order_by("id")), scope=scope, ended_by=user_id, now=now)


def end_impersonations_with(*, scope: Scope, user_id: int, now: dt.datetime) -> None:
    """End all in which a person acts, or is acted as; joins the transaction of the change that asks for it."""
    with atomic(scope):
        open_ones = Q(status__in=[ImpersonationStatus.REQUESTED, ImpersonationStatus.ACTIVE])
        theirs = Q(impersonator_id=user_id) | Q(target_id=user_id)
        found = Impersonation.objects.select_for_update().filter(open_ones & theirs).order_by("id")
        _end(list(found), scope=scope, ended_by=None, now=now)


def _target(by: Person, user_id: int) -> Authority:
    """What the person holds whom `by` wants to be. Raises ImpersonationRefused."""
    target = get_authority(user_id=user_id)
    runs_the_platform = any(each.place.psp_id is None for each in target.grants)
    if by.impersonates or user_id == by.user_id or runs_the_platform or not target.grants:
        raise ImpersonationRefused
    if not by.authority.covers(target):
        raise ImpersonationRefused
    return target


def _membership(user_id: int, membership_id: int | None, target: Authority) -> Membership:
    """The membership by which the person is to act, the first one unless it is named. Raises NotFound."""
    places = {each.place for each in target.grants}
    for membership in list_memberships(user_id=user_id).order_by("id"):
        if membership_id in (None, membership.pk) and membership.place in places:
            return membership
    raise NotFound


def _decide(
    status: ImpersonationStatus, *, scope: Scope, by: Person, impersonation_id: uuid.UUID, now: dt.datetime
) -> Impersonation:
    with atomic(scope):
        impersonation = _locked(impersonation_id)
        if not by.authority.allows({APPROVE}, impersonation.place):
            raise BeyondOwnRights
        if impersonation.status != ImpersonationStatus.REQUESTED or now >= impersonation.expires_at:
            raise IllegalTransition(allowed=[])
        if by.impersonates or by.user_id == impersonation.impersonator_id:
            raise ImpersonationRefused
        before = state(impersonation)
        impersonation.status = status
        impersonation.decided_by_id, impersonation.decided_at = by.user_id, now
        impersonation.updated_at = now
        if status is ImpersonationStatus.ACTIVE:
            impersonation.started_at = now
            impersonation.expires_at = now + dt.timedelta(minutes=impersonation.minutes)
        impersonation.save()
        word = "approved" if status is ImpersonationStatus.ACTIVE else "refused"
        record(db, f"impersonation.{word}", impersonation, before=before, now=now)
    return impersonation


def _locked(impersonation_id: uuid.UUID) -> Impersonation:
    found: Impersonation | None = (
        Impersonation.objects.select_for_update().filter(id=impersonation_id).first()
    )
    if found is None:
        raise NotFound
    return found


def _require_step(impersonation: Impersonation, target: ImpersonationStatus) -> None:
    allowed = TRANSITIONS[ImpersonationStatus(impersonation.status)]
    if target not in allowed:
        raise IllegalTransition(allowed=list(allowed))


def _end(
    impersonations: Sequence[Impersonation], *, scope: Scope, ended_by: int | None, now: dt.datetime
) -> None:
    for impersonation in impersonations:
        before = state(impersonation)
        impersonation.status = ImpersonationStatus.ENDED
        impersonation.ended_by_id, impersonation.ended_at, impersonation.updated_at = ended_by, now, now
        impersonation.save()
        subject = impersonation.public_id
        revoke_tokens_of(scope=scope, subject=subject, psp_id=impersonation.psp_id, now=now)
        record(db, "impersonation.ended", impersonation, before=before, now=now)
