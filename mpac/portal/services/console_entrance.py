"""The console's door, kept like the API's: the same counts, the same log, and a session that shows and can be ended."""

import datetime as dt

from kernel import ids
from kernel.admin.entrance import Inside
from kernel.errors import NotFound
from kernel.tenancy import SystemScope
from mpac.portal.db import atomic
from mpac.portal.domain.login import EndedBecause, Entrance, Method, Outcome, Step
from mpac.portal.models import Session, User
from mpac.portal.models.session import PREFIX
from mpac.portal.services.authentication_log import Try, log_try
from mpac.portal.services.login import Counted, count_try, refuse
from mpac.portal.services.sessions import end_session, end_sessions, open_session
from mpac.portal.services.throttling import give_back

SCOPE = SystemScope("authentication")
NOTED_EVERY = dt.timedelta(minutes=1)


class ConsoleEntrance:
    """Keeps the console's door; see `kernel.admin.entrance`."""

    def count_try(self, *, email: str, device_token: str, now: dt.datetime) -> Counted:
        """Count a try to sign in. Raises RateLimited."""
        return count_try(email=email, device_token=device_token, entrance=Entrance.CONSOLE, now=now)

    def refuse(self, counted: Counted, *, now: dt.datetime) -> None:
        """Leave a record of a try that failed; it costs the same for people whom we know and for those whom we do not."""
        with atomic(SCOPE):
            found = User.objects.filter(email=counted.tried.account).values_list("pk", flat=True).first()
            refuse(_of(counted, found), step=Step.PASSWORD, reason="refused", now=now)

    def let_in(self, counted: Counted, *, user: User, now: dt.datetime) -> Inside:
        """Open a session of somebody who showed a password and a code. Raises SignInRefused and NoMembership."""
        with atomic(SCOPE):
            done = open_session(
                user=user,
                method=Method.TOTP,
                known_device=counted.known_device,
                entrance=Entrance.CONSOLE,
                now=now,
            )
            give_back(counted.counters, tries=1)
            log_try(
                _of(counted, user.pk),
                step=Step.TOTP,
                outcome=Outcome.SUCCEEDED,
                session_id=done.session.id,
                now=now,
            )
        return Inside(key=done.session.public_id, device_token=done.device_token)

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


def _of(counted: Counted, user_id: int | None) -> Try:
    tried = counted.tried
    return Try(
        account=tried.account,
        entrance=tried.entrance,
        user_id=user_id,
        known_device=tried.known_device,
    )
