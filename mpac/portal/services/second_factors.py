"""The second step of signing in: a code from an authenticator, from a mail, or from the list of recovery codes.

A challenge takes five codes and ends with the first right one. Whatever code it is, one guarded statement uses it up, so
that of two requests with the same code at once one is refused.
"""

import datetime as dt
from dataclasses import dataclass, replace

from django.conf import settings

from kernel.audit import record
from kernel.errors import RateLimited
from kernel.origin import acting
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.login import Entrance, Method, Outcome, Step
from mpac.portal.domain.mails import MailKind
from mpac.portal.domain.secrets import digest, new_code, short_digest
from mpac.portal.errors import CodeRefused
from mpac.portal.models import Authenticator, LoginChallenge, User
from mpac.portal.selectors.authority import list_held
from mpac.portal.selectors.factors import get_demand
from mpac.portal.services.authentication_log import Try, account_digest, log_try
from mpac.portal.services.login import refuse
from mpac.portal.services.mails import post_mail
from mpac.portal.services.recovery_codes import first_recovery_codes, use_recovery_code
from mpac.portal.services.sessions import SignedIn, open_session
from mpac.portal.services.throttling import Counter, count_tries, counters, give_back

SCOPE = SystemScope("authentication")

# A try counts whether or not its code is right: whoever sends many at once gets no more of them.
COUNT = """
    UPDATE login_challenges SET tries = tries + 1
    WHERE token_hash = %s AND used_at IS NULL AND expires_at > %s AND tries < %s RETURNING id
"""
END = "UPDATE login_challenges SET used_at = %s WHERE id = %s AND used_at IS NULL RETURNING 1"
USE_MAILED = """
    UPDATE login_challenges SET code_hash = ''
    WHERE id = %s AND code_hash = %s AND code_hash <> '' AND code_expires_at > %s RETURNING 1
"""
SEND = """
    UPDATE login_challenges SET codes_sent = codes_sent + 1, code_hash = %s, code_expires_at = %s
    WHERE token_hash = %s AND used_at IS NULL AND expires_at > %s AND codes_sent < %s RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A challenge whose try was counted, whose person it is, and what their tries count against."""

    challenge: LoginChallenge
    user: User
    tried: Try
    counters: list[Counter]


def verify_factor(
    *,
    challenge_token: str,
    method: Method,
    code: str,
    entrance: Entrance = Entrance.API,
    now: dt.datetime,
) -> SignedIn:
    """The session of a sign-in whose second factor is right. Raises CodeRefused, RateLimited and what opening raises."""
    step = _begin(challenge_token, method, entrance, now)
    with atomic(SCOPE):
        User.objects.select_for_update(no_key=True).get(pk=step.user.pk)  # before what belongs to the person
        fault = _fault(step, method, code, now)
        if not fault and not db.execute(END, [now, step.challenge.id]):
            fault = "used"
        if not fault:
            return _open(step, method, now)
    refuse(step.tried, step=Step(method.value), reason=fault, now=now)
    raise CodeRefused


def send_code(*, challenge_token: str, now: dt.datetime) -> None:
    """Mail a code to the person behind a challenge, at most three times; an earlier one is void.

    Raises CodeRefused when the challenge is over or e-mail is no factor for this person.
    """
    with atomic(SCOPE):
        challenge = (
            LoginChallenge.objects.select_related("user").filter(token_hash=digest(challenge_token)).first()
        )
        if challenge is None or Method.EMAIL not in _methods(challenge.user):
            raise CodeRefused
        code = new_code()
        expires_at = min(now + dt.timedelta(seconds=conf.LOGIN_CHALLENGE_TTL_S), challenge.expires_at)
        values = [
            _mailed_digest(challenge, code),
            expires_at,
            challenge.token_hash,
            now,
            conf.LOGIN_CODES_SENT,
        ]
        if not db.execute(SEND, values):
            raise CodeRefused
        post_mail(scope=SCOPE, kind=MailKind.LOGIN_CODE, user=challenge.user, secret=code, now=now)


def find_challenge(*, challenge_token: str, now: dt.datetime) -> LoginChallenge | None:
    """A challenge that is still open, with its person, in the scope of the open transaction."""
    found: LoginChallenge | None = (
        LoginChallenge.objects.select_related("user")
        .filter(token_hash=digest(challenge_token), used_at__isnull=True, expires_at__gt=now)
        .first()
    )
    return found


def _begin(challenge_token: str, method: Method, entrance: Entrance, now: dt.datetime) -> Attempt:
    """Count the try, at the challenge and at the account. Raises CodeRefused, and RateLimited when it counts nowhere."""
    try:
        with atomic(SCOPE):
            counted = db.execute(COUNT, [digest(challenge_token), now, conf.LOGIN_CHALLENGE_TRIES])
            if not counted:
                raise CodeRefused
            challenge = LoginChallenge.objects.select_related("user", "known_device").get(id=counted[0][0])
            user = challenge.user
            known = challenge.known_device is not None
            tried = Try(account=user.email, entrance=entrance, user_id=user.pk, known_device=known)
            found = counters(account=account_digest(user.email), known_device_id=challenge.known_device_id)
            count_tries(found, now=now)
    except RateLimited:
        log_try(tried, step=Step(method.value), outcome=Outcome.THROTTLED, now=now)
        raise
    return Attempt(challenge=challenge, user=user, tried=tried, counters=found)


def _open(step: Attempt, method: Method, now: dt.datetime) -> SignedIn:
    signed_in = open_session(
        user=step.user,
        method=method,
        known_device=step.challenge.known_device,
        entrance=step.tried.entrance,
        now=now,
    )
    give_back(step.counters, tries=step.challenge.tries + 1)
    log_try(
        step.tried,
        step=Step(method.value),
        outcome=Outcome.SUCCEEDED,
        session_id=signed_in.session.id,
        now=now,
    )
    if not step.challenge.enrols:
        return signed_in
    return replace(signed_in, recovery_codes=first_recovery_codes(user_id=step.user.pk, now=now))


def _fault(step: Attempt, method: Method, code: str, now: dt.datetime) -> str:
    """Why a code does not count, or nothing when it does and is used up."""
    if step.challenge.enrols:
        return "" if method is Method.TOTP and _confirms(step, code, now) else "wrong_code"
    if method not in _methods(step.user):
        return "method_not_allowed"
    used = {Method.TOTP: _use_totp, Method.EMAIL: _use_mailed, Method.RECOVERY: _use_recovery}[method]
    return "" if used(step, code, now) else "wrong_code"


def _methods(user: User) -> tuple[Method, ...]:
    return get_demand(user_id=user.pk, memberships=list_held(user_id=user.pk)).methods


def _confirms(step: Attempt, code: str, now: dt.datetime) -> bool:
    """Whether the code is of the authenticator that this challenge set up; if so, it counts from now on."""
    found = Authenticator.objects.filter(
        user=step.user, confirmed=False, challenge_id=step.challenge.id
    ).first()
    if found is None or not found.confirm(code, now=now):
        return False
    with acting("person", f"user:{step.user.pk}"):
        record(db, "authenticator.confirmed", found, now=now)
    return True


def _use_totp(step: Attempt, code: str, now: dt.datetime) -> bool:
    held = Authenticator.objects.filter(user=step.user, confirmed=True).order_by("id")
    return any(authenticator.use_code(code, now=now) for authenticator in held)


def _use_mailed(step: Attempt, code: str, now: dt.datetime) -> bool:
    challenge = step.challenge
    return bool(db.execute(USE_MAILED, [challenge.id, _mailed_digest(challenge, code), now]))


def _use_recovery(step: Attempt, code: str, now: dt.datetime) -> bool:
    return use_recovery_code(user_id=step.user.pk, code=code, now=now)


def _mailed_digest(challenge: LoginChallenge, code: str) -> str:
    place = f"portal.login_challenges:{challenge.id}"
    return short_digest(code.strip(), place=place, pepper=settings.SECRET_KEY)
