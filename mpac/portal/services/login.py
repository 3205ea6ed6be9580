"""Signing in: the password first, then the second factor where one is needed.

Whether an account exists shows in nothing: the same statements are asked, the same slow check is made and the same rows
are written for one that does not. A try counts before it is checked, so guesses that come at once count, too.
"""

import datetime as dt
import secrets
from dataclasses import dataclass, replace
from functools import cache

from django.contrib.auth.hashers import check_password, is_password_usable, make_password

from kernel.audit import Subject, record
from kernel.errors import RateLimited
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.login import Entrance, Outcome, Step
from mpac.portal.domain.second_factors import Demand
from mpac.portal.domain.secrets import digest, new_token
from mpac.portal.errors import NoMembership, SignInRefused
from mpac.portal.models import KnownDevice, LoginChallenge, User
from mpac.portal.selectors.authority import list_held
from mpac.portal.selectors.factors import get_demand
from mpac.portal.services.authentication_log import Try, account_digest, log_try
from mpac.portal.services.known_devices import find_device
from mpac.portal.services.sessions import SignedIn, hold_person, open_session
from mpac.portal.services.throttling import Counter, count_tries, counters, give_back

SCOPE = SystemScope("authentication")


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorNeeded:
    """The password was right, and a second factor is needed: one of `demand.methods`, or a new one if there is none."""

    challenge: LoginChallenge
    challenge_token: str
    demand: Demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A try that was counted and let through."""

    tried: Try
    known_device: KnownDevice | None
    counters: list[Counter]

    def of(self, user: User | None) -> Try:
        """The try, and whose it turned out to be."""
        return replace(self.tried, user_id=user.pk if user else None)


def sign_in(
    *, email: str, password: str, device_token: str = "", now: dt.datetime
) -> SignedIn | FactorNeeded:
    """A session for an address and its password, or a demand for a second factor.

    Raises SignInRefused, RateLimited, NoMembership, and Unavailable when too many passwords are being checked.
    """
    counted = count_try(email=email, device_token=device_token, entrance=Entrance.API, now=now)
    user = check_person(counted, password=password, now=now)
    with atomic(SCOPE):
        held = list_held(user_id=user.pk)
        if not held:
            log_try(
                counted.of(user),
                step=Step.PASSWORD,
                outcome=Outcome.REFUSED,
                reason="no_role",
                now=now,
            )
        demand = get_demand(user_id=user.pk, memberships=held)
    if not held:
        raise NoMembership
    if demand.required:
        return ask_for_factor(user, counted, demand, now=now)
    return complete(user, counted, step=Step.PASSWORD, now=now)


def count_try(*, email: str, device_token: str, entrance: Entrance, now: dt.datetime) -> Counted:
    """Count a try for an account before anything is looked at. Raises RateLimited."""
    account = email.strip().lower()
    known = find_device(device_token=device_token, account=account, now=now)
    tried = Try(account=account, entrance=entrance, known_device=known is not None)
    found = counters(account=account_digest(account), known_device_id=known.pk if known else None)
    try:
        count_tries(found, now=now)
    except RateLimited:
        log_try(tried, step=Step.PASSWORD, outcome=Outcome.THROTTLED, now=now)
        raise
    return Counted(tried=tried, known_device=known, counters=found)


def check_person(counted: Counted, *, password: str, now: dt.datetime) -> User:
    """The person whose password this is. Raises SignInRefused, whatever is wrong, after the same work."""
    with atomic(SCOPE):
        user: User | None = User.objects.filter(email=counted.tried.account).first()
    usable = user is not None and is_password_usable(user.password)
    right = check_password(password, user.password if user is not None and usable else nobodys_password())
    if user is None or not (usable and right and user.is_active):
        refuse(counted.of(user), step=Step.PASSWORD, reason=_fault(user), now=now)
        raise SignInRefused
    return user


def refuse(tried: Try, *, step: Step, reason: str, now: dt.datetime) -> None:
    """Write down a try that failed: in the log, and in the platform's own trail."""
    with atomic(SCOPE):
        log_try(tried, step=step, outcome=Outcome.REFUSED, reason=reason, now=now)
        about = Subject(type="user", id=str(tried.user_id or "unknown"))
        record(db, "user.sign_in_refused", about, now=now)


def complete(user: User, counted: Counted, *, step: Step, now: dt.datetime) -> SignedIn:
    """A session of somebody who has shown all that is needed by a password alone."""
    with atomic(SCOPE):
        signed_in = open_session(user=user, method=None, known_device=counted.known_device, now=now)
        give_back(counted.counters, tries=1)
        log_try(
            counted.of(user),
            step=step,
            outcome=Outcome.SUCCEEDED,
            session_id=signed_in.session.id,
            now=now,
        )
    return signed_in


@cache
def nobodys_password() -> str:
    """A password as it is kept, of nobody: checked where there is no other, so that the refusal takes as long."""
    return make_password(secrets.token_hex())


def ask_for_factor(user: User, counted: Counted, demand: Demand, *, now: dt.datetime) -> FactorNeeded:
    """A sign-in that waits for a second factor. Raises SignInRefused when the password was changed meanwhile."""
    token = new_token("mfa")
    with atomic(SCOPE):
        challenge = LoginChallenge.objects.create(
            user=hold_person(user),
            token_hash=digest(token),
            enrols=not demand.methods,
            known_device=counted.known_device,
            created_at=now,
            expires_at=now + dt.timedelta(seconds=conf.LOGIN_CHALLENGE_TTL_S),
        )
        log_try(counted.of(user), step=Step.PASSWORD, outcome=Outcome.FACTOR_NEEDED, now=now)
    return FactorNeeded(challenge=challenge, challenge_token=token, demand=demand)


def _fault(user: User | None) -> str:
    if user is None:
        return "unknown_account"
    return "wrong_password" if user.is_active else "inactive"
