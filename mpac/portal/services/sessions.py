"""Sessions of people: opening them, going on with them, ending them.

A refresh token is used once. One that comes a second time was copied, by whoever came first or by whoever comes now, so
the whole session ends. Ending a session refuses its access tokens within seconds, through revocations.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kernel.audit import Subject, record
from kernel.errors import NotFound
from kernel.origin import acting, origin
from kernel.tenancy import Scope, SystemScope, TenantScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.login import EndedBecause, Entrance, Method, Outcome, Step
from mpac.portal.domain.secrets import digest, new_token
from mpac.portal.errors import (
    FactorNotShown,
    NoMembership,
    RecentSignInRequired,
    RefreshRefused,
    SignInRefused,
)
from mpac.portal.models import KnownDevice, LoginChallenge, Membership, RefreshToken, Session, User
from mpac.portal.selectors.authority import Standing, find_standing, list_held
from mpac.portal.selectors.factors import has_shown_enough
from mpac.portal.services.authentication_log import Try, log_try, user_agent
from mpac.portal.services.known_devices import notice_device
from mpac.portal.services.person_tokens import issue_person_token
from mpac.portal.services.revocations import revoke_tokens_of, session_subject

SCOPE = SystemScope("authentication")

SPEND = """
    UPDATE refresh_tokens SET used_at = %s WHERE token_hash = %s AND used_at IS NULL AND expires_at > %s
    RETURNING session_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session just opened or gone on with, and its secrets, which are shown now and never again.

    `device_token` is empty when the device was known; `memberships` are all that the person can switch between;
    `recovery_codes` come with a first authenticator.
    """

    session: Session
    standing: Standing
    memberships: Sequence[Membership]
    access_token: str
    expires_in: int = conf.PERSON_TOKEN_TTL_S
    refresh_token: str = ""
    device_token: str = ""
    recovery_codes: tuple[str, ...] = ()


def open_session(
    *,
    user: User,
    method: Method | None,
    known_device: KnownDevice | None,
    entrance: Entrance = Entrance.API,
    now: dt.datetime,
) -> SignedIn:
    """A session of a person who has just proved who they are, by the password that `user` was read with.

    Raises SignInRefused when the password was changed or the person deactivated meanwhile, and NoMembership.
    """
    with atomic(SCOPE), acting("person", f"user:{user.pk}"):
        current = hold_person(user)
        memberships = list_held(user_id=user.pk)
        if not memberships:
            raise NoMembership
        standing = find_standing(user_id=user.pk)
        device, device_token = notice_device(user=current, known=known_device, now=now)
        session = Session(
            user=current,
            entrance=entrance,
            membership_id=memberships[0].pk,
            method=method or "",
            known_device=device,
            address=origin().address,
            user_agent=user_agent(),
            created_at=now,
            authenticated_at=now,
            last_used_at=now,
            expires_at=now + _life(entrance),
        )
        session.save(force_insert=True)
        refresh_token = _new_refresh_token(session, now) if entrance is Entrance.API else ""
        record(db, "user.signed_in", _subject(session, standing), after=_told(session), now=now)
        return SignedIn(
            session=session,
            standing=standing,
            memberships=memberships,
            access_token=issue_person_token(session, standing, now=now),
            refresh_token=refresh_token,
            device_token=device_token,
        )


def hold_person(user: User) -> User:
    """A person who has just shown their password, as they are now and stay until the open transaction ends.

    Raises SignInRefused when the password was changed or the person deactivated since `user` was read.
    """
    current: User = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if current.password != user.password or not current.is_active:
        raise SignInRefused
    return current


def refresh_session(*, refresh_token: str, now: dt.datetime) -> SignedIn:
    """New tokens for one that has not been used. Raises RefreshRefused; one that was used before ends its session."""
    token_hash = digest(refresh_token)
    with atomic(SCOPE):
        spent = db.execute(SPEND, [now, token_hash, now])
        done = _go_on(spent[0][0], now) if spent else None
        if not spent:
            _end_reused(token_hash, now)
    if done is None:
        raise RefreshRefused
    return done


def switch_membership(
    *, user_id: int, session_id: uuid.UUID | None, membership_id: int, now: dt.datetime
) -> SignedIn:
    """Let a session speak for another membership of its person, for as long as its token would have lasted: only a refresh
    token makes it last longer. Raises NotFound, and FactorNotShown when what they hold now needs more than they showed.
    """
    with atomic(SCOPE):
        User.objects.select_for_update(no_key=True).get(pk=user_id)
        found = Session.objects.select_for_update().filter(id=session_id, user_id=user_id)
        session: Session | None = found.first()
        memberships = list_held(user_id=user_id)
        if session is None or not session.is_open(now) or membership_id not in _keys(memberships):
            raise NotFound
        if not has_shown_enough(method=session.method, memberships=memberships):
            raise FactorNotShown
        before, after = {"membership_id": session.membership_id}, {"membership_id": membership_id}
        session.membership_id, session.last_used_at = membership_id, now
        session.save(update_fields=["membership_id", "last_used_at"])
        standing = find_standing(user_id=user_id, membership_id=membership_id)
        record(db, "session.switched", _subject(session, standing), before=before, after=after, now=now)
        lifetime_s = _left_s(session, now)
        return SignedIn(
            session=session,
            standing=standing,
            memberships=memberships,
            access_token=issue_person_token(session, standing, lifetime_s=lifetime_s, now=now),
            expires_in=lifetime_s,
        )


def require_recent(*, session_id: uuid.UUID | None, now: dt.datetime) -> None:
    """Raises RecentSignInRequired unless the session signed in a short while ago: what protects an account is not changed
    with a token that somebody left lying about.
    """
    since = now - dt.timedelta(seconds=conf.RECENT_SIGN_IN_S)
    with atomic(SCOPE):
        if not Session.objects.filter(id=session_id, authenticated_at__gte=since).exists():
            raise RecentSignInRequired


def end_session(
    *, user_id: int, session_id: uuid.UUID | None, why: EndedBecause, now: dt.datetime
) -> Session:
    """End one session of a person; ending it again changes nothing. Raises NotFound, also for somebody else's."""
    with atomic(SCOPE):
        found = Session.objects.select_for_update().filter(id=session_id, user_id=user_id)
        session: Session | None = found.first()
        if session is None:
            raise NotFound
        _end([session], why, now)
        return session


def end_sessions(
    *,
    scope: Scope,
    user_id: int,
    why: EndedBecause,
    keep: uuid.UUID | None = None,
    membership_ids: Collection[int] | None = None,
    now: dt.datetime,
) -> int:
    """End all sessions of a person but `keep`, at once for every access token, and the sign-ins that wait for a second
    factor; returns how many sessions there were. With `membership_ids` only those that speak for one of them end.

    Joins the transaction of the change that asks for it: of a password, of roles, of the account itself. A session that is
    just being opened waits for that transaction and then sees the change.
    """
    with atomic(scope):
        User.objects.select_for_update(no_key=True).get(pk=user_id)
        found = Session.objects.select_for_update().filter(user_id=user_id, ended_at__isnull=True)
        if membership_ids is not None:
            found = found.filter(membership_id__in=membership_ids)
        sessions = list(found.exclude(id=keep).order_by("id"))
        LoginChallenge.objects.filter(user_id=user_id, used_at__isnull=True).update(used_at=now)
        _end(sessions, why, now, scope=scope)
    return len(sessions)


def _go_on(session_id: uuid.UUID, now: dt.datetime) -> SignedIn | None:
    """The session's next tokens; None when it is over. What its person holds now counts, not what they held."""
    user_id = Session.objects.values_list("user_id", flat=True).get(id=session_id)
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    session = Session.objects.select_for_update().get(id=session_id)
    if not session.is_open(now):
        return None
    memberships = list_held(user_id=user_id)
    proven = has_shown_enough(method=session.method, memberships=memberships)
    if not (user.is_active and proven and session.membership_id in _keys(memberships)):
        _end([session], EndedBecause.RIGHTS_CHANGED, now)
        return None
    session.last_used_at, session.address, session.user_agent = now, origin().address, user_agent()
    session.save(update_fields=["last_used_at", "address", "user_agent"])
    standing = find_standing(user_id=user_id, membership_id=session.membership_id)
    return SignedIn(
        session=session,
        standing=standing,
        memberships=memberships,
        access_token=issue_person_token(session, standing, now=now),
        refresh_token=_new_refresh_token(session, now),
    )


def _end_reused(token_hash: str, now: dt.datetime) -> None:
    """End the session of a token that was used before; one that nobody issued ends nothing."""
    token = RefreshToken.objects.filter(token_hash=token_hash, used_at__isnull=False).first()
    if token is None:
        return
    session = Session.objects.select_for_update().get(id=token.session_id)
    _end([session], EndedBecause.REFRESH_REUSED, now)
    user = User.objects.get(pk=session.user_id)
    log_try(
        Try(account=user.email, user_id=user.pk),
        step=Step.REFRESH,
        outcome=Outcome.REFUSED,
        reason="reused",
        session_id=session.id,
        now=now,
    )


def _end(sessions: Sequence[Session], why: EndedBecause, now: dt.datetime, *, scope: Scope = SCOPE) -> None:
    psp_id = scope.psp_id if isinstance(scope, TenantScope) else None
    for session in sessions:
        if session.ended_at is not None:
            continue
        session.ended_at, session.ended_because = now, why
        session.save(update_fields=["ended_at", "ended_because"])
        subject = session_subject(session.public_id)
        revoke_tokens_of(scope=scope, subject=subject, psp_id=psp_id, now=now)
        about = Subject(type="session", id=session.public_id, psp_id=psp_id)
        record(db, "session.ended", about, after={"user_id": session.user_id, "because": why.value}, now=now)


def _new_refresh_token(session: Session, now: dt.datetime) -> str:
    token = new_token("rt")
    expires_at = min(now + dt.timedelta(seconds=conf.REFRESH_TOKEN_TTL_S), session.expires_at)
    RefreshToken.objects.create(
        session=session, token_hash=digest(token), created_at=now, expires_at=expires_at
    )
    return token


def _left_s(session: Session, now: dt.datetime) -> int:
    """How long the access token lasts that the session got when it began, or with its last refresh token."""
    issued = RefreshToken.objects.filter(session=session).order_by("-created_at")
    since = issued.values_list("created_at", flat=True).first() or session.authenticated_at
    return max(1, conf.PERSON_TOKEN_TTL_S - int((now - since).total_seconds()))


def _keys(memberships: Sequence[Membership]) -> set[int]:
    return {membership.pk for membership in memberships}


def _life(entrance: Entrance) -> dt.timedelta:
    console = entrance is Entrance.CONSOLE
    return dt.timedelta(seconds=conf.CONSOLE_SESSION_TTL_S if console else conf.SESSION_TTL_S)


def _subject(session: Session, standing: Standing) -> Subject:
    """The person as the subject of a record in the trail of the tenant that they work for."""
    stores = standing.store_ids or ()
    return Subject(
        type="user",
        id=str(session.user_id),
        psp_id=standing.psp_id,
        merchant_id=standing.merchant_id,
        store_id=stores[0] if len(stores) == 1 else None,
    )


def _told(session: Session) -> dict[str, str]:
    return {"session_id": session.public_id, "entrance": session.entrance, "method": session.method}
