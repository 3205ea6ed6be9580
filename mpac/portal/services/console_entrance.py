"""The console's door, kept like the API's: the same steps, counts and log, and a session that shows and can be ended."""

import datetime as dt

import segno

from kernel import ids
from kernel.admin.entrance import Inside, NewSecret, Waiting
from kernel.errors import NotFound
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic
from mpac.portal.domain.login import EndedBecause, Entrance, Method, Step
from mpac.portal.domain.secrets import CODE_DIGITS
from mpac.portal.errors import CodeRefused, SignInRefused
from mpac.portal.models import Session
from mpac.portal.models.session import PREFIX
from mpac.portal.selectors.authority import list_held
from mpac.portal.selectors.factors import get_demand
from mpac.portal.services.authenticators import enrol
from mpac.portal.services.login import ask_for_factor, check_person, count_try, refuse
from mpac.portal.services.second_factors import find_challenge, send_code, verify_factor
from mpac.portal.services.sessions import end_session, end_sessions

SCOPE = SystemScope("authentication")
NOTED_EVERY = dt.timedelta(minutes=1)


class ConsoleEntrance:
    """Keeps the console's door; see `kernel.admin.entrance`. Nobody comes in without a second factor."""

    def sign_in(
        self, *, email: str, password: str, code: str, device_token: str, now: dt.datetime
    ) -> Inside | Waiting:
        """Let somebody in who shows a password and a code of an authenticator or a recovery code; without a code, or without
        anything that makes one, they wait.

        Raises SignInRefused, CodeRefused, RateLimited and Unavailable.
        """
        counted = count_try(email=email, device_token=device_token, entrance=Entrance.CONSOLE, now=now)
        user = check_person(counted, password=password, now=now)
        if not user.is_staff:
            refuse(counted.of(user), step=Step.PASSWORD, reason="no_role", now=now)
            raise SignInRefused
        with atomic(SCOPE):
            demand = get_demand(user_id=user.pk, memberships=list_held(user_id=user.pk))
        waiting = Waiting(token=ask_for_factor(user, counted, demand, now=now).challenge_token)
        if not (code and demand.methods):
            return waiting
        return self.show_factor(waiting.token, way=_kind_of(code), code=code, now=now)

    def ways_on(self, token: str, *, now: dt.datetime) -> tuple[str, ...] | None:
        """By which factors a sign-in that waits may go on; none when one must be set up first, None when it is over."""
        with atomic(SCOPE):
            challenge = find_challenge(challenge_token=token, now=now)
            if challenge is None or challenge.tries >= conf.LOGIN_CHALLENGE_TRIES:
                return None
            if challenge.enrols:
                return ()
            held = list_held(user_id=challenge.user_id)
            return tuple(get_demand(user_id=challenge.user_id, memberships=held).methods)

    def send_code(self, token: str, *, now: dt.datetime) -> None:
        """Mail a code to who is signing in. Raises CodeRefused."""
        send_code(challenge_token=token, now=now)

    def begin_authenticator(self, token: str, *, now: dt.datetime) -> NewSecret:
        """Set up the authenticator of somebody who has none. Raises CodeRefused."""
        made = enrol(challenge_token=token, name="authenticator", now=now)
        picture = segno.make(made.otpauth_uri, micro=False).svg_data_uri(scale=4, light="white")
        return NewSecret(text=made.base32_secret, picture=picture)

    def show_factor(self, token: str, *, way: str, code: str, now: dt.datetime) -> Inside:
        """Let somebody in whose second factor is right, and who has a place in the console. Raises CodeRefused, RateLimited,
        SignInRefused and NoMembership.
        """
        with atomic(SCOPE):
            challenge = find_challenge(challenge_token=token, now=now)
        if challenge is None or not challenge.user.is_staff:
            raise CodeRefused
        done = verify_factor(
            challenge_token=token, method=Method(way), code=code, entrance=Entrance.CONSOLE, now=now
        )
        return Inside(
            user=done.session.user,
            key=done.session.public_id,
            device_token=done.device_token,
            recovery_codes=done.recovery_codes,
        )

    def is_inside(self, key: str, *, user_id: int, now: dt.datetime) -> bool:
        """Whether a session goes on; when it was last used is noted once a minute."""
        try:
            session_id = ids.decode(PREFIX, key)
        except NotFound:
            return False
        with atomic(SCOPE):
            found = Session.objects.filter(
                id=session_id, user_id=user_id, entrance=Entrance.CONSOLE, ended_at__isnull=True
            ).filter(expires_at__gt=now)
            session = found.first()
            if session is not None and session.last_used_at < now - NOTED_EVERY:
                found.update(last_used_at=now)
        return session is not None

    def leave(self, key: str, *, user_id: int, now: dt.datetime) -> None:
        """End the session of somebody who signs out."""
        end_session(user_id=user_id, session_id=ids.decode(PREFIX, key), why=EndedBecause.LOGGED_OUT, now=now)

    def shut_out_others(self, key: str, *, user_id: int, now: dt.datetime) -> None:
        """End every other session of somebody who has just chosen another password."""
        keep = ids.decode(PREFIX, key)
        end_sessions(scope=SCOPE, user_id=user_id, why=EndedBecause.PASSWORD_CHANGED, keep=keep, now=now)


def _kind_of(code: str) -> Method:
    """What a code is that stands beside the password: an authenticator's has six digits."""
    return Method.TOTP if len(code.strip()) == CODE_DIGITS else Method.RECOVERY
