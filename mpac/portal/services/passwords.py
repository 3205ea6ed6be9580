"""Passwords of people: changed by who knows the present one, and chosen anew by who reads the mailbox."""

import datetime as dt
import uuid
from collections.abc import Mapping
from functools import partial

from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from kernel.clock import rfc3339
from kernel.errors import FieldError, Invalid, RateLimited
from kernel.origin import acting, origin
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.login import EndedBecause, Outcome, Step
from mpac.portal.domain.mails import MailKind
from mpac.portal.domain.secrets import digest, new_token
from mpac.portal.domain.throttling import Rule
from mpac.portal.errors import ResetRefused, WrongPassword
from mpac.portal.models import PasswordReset, User
from mpac.portal.services.authentication_log import Try, account_digest, log_try
from mpac.portal.services.known_devices import remember_mailbox
from mpac.portal.services.mails import post_mail
from mpac.portal.services.sessions import end_sessions
from mpac.portal.services.throttling import Counter, address_counter, count_tries, give_back

SCOPE = SystemScope("authentication")

SPEND = """
    UPDATE password_resets SET used_at = %s WHERE user_id = %s AND used_at IS NULL AND EXISTS (
        SELECT 1 FROM password_resets WHERE token_hash = %s AND used_at IS NULL AND expires_at > %s
    ) RETURNING token_hash
"""


def change_password(*, user_id: int, session_id: uuid.UUID, current: str, new: str, now: dt.datetime) -> None:
    """Give a person another password and end all their sessions but this one.

    Raises WrongPassword, RateLimited, and Invalid for one that they may not choose.
    """
    counter = Counter(f"session:{session_id}", Rule(free=10))
    with atomic(SCOPE):
        user = User.objects.get(pk=user_id)
    tried = Try(account=user.email, user_id=user.pk)
    log = partial(log_try, tried, step=Step.PASSWORD_CHANGE, session_id=session_id, now=now)
    try:
        count_tries([counter], now=now)
    except RateLimited:
        log(outcome=Outcome.THROTTLED)
        raise
    if not check_password(current, user.password):
        log(outcome=Outcome.REFUSED, reason="wrong_password")
        raise WrongPassword
    check_new_password(new, user=user)
    with atomic(SCOPE):
        # Somebody may have chosen another one meanwhile, perhaps to shut out who knows this one.
        if User.objects.select_for_update(no_key=True).get(pk=user_id).password != user.password:
            raise WrongPassword
        _replace(user, new, keep=session_id, now=now)
        give_back([counter], tries=1)
        log(outcome=Outcome.SUCCEEDED)


def request_reset(*, email: str, now: dt.datetime) -> None:
    """Mail a code for a new password to whoever has this address. Nothing tells whether anybody has.

    Raises RateLimited when an address on the network asks too often; for one mailbox there is no sixth mail in an hour.
    """
    account = email.strip().lower()
    count_tries([address_counter()], now=now)
    mailbox = Counter(
        f"reset:{account_digest(account)}",
        Rule(free=conf.PASSWORD_RESETS_AN_HOUR, first_lock_s=3600, forget_after_s=3600),
    )
    try:
        count_tries([mailbox], now=now)
    except RateLimited:
        log_try(Try(account=account), step=Step.PASSWORD_RESET, outcome=Outcome.THROTTLED, now=now)
        return
    token = new_token("pr")
    with atomic(SCOPE):
        user = User.objects.filter(email=account, is_active=True).first()
        PasswordReset.objects.create(
            user=user,
            token_hash=digest(token),
            created_at=now,
            expires_at=now + dt.timedelta(seconds=conf.PASSWORD_RESET_TTL_S),
        )
        post_mail(scope=SCOPE, kind=MailKind.PASSWORD_RESET, user=user, secret=token, now=now)
        tried = Try(account=account, user_id=user.pk if user else None)
        log_try(tried, step=Step.PASSWORD_RESET, outcome=Outcome.FACTOR_NEEDED, now=now)


def confirm_reset(*, reset_token: str, new: str, now: dt.datetime) -> str:
    """Give a new password to who got the code by mail, end all their sessions, and return a token that makes the device
    known: whoever guesses at the account does not lock out who reads its mailbox.

    A password that may not be chosen does not use the code up. Raises ResetRefused, RateLimited and Invalid.
    """
    count_tries([address_counter()], now=now)
    token_hash = digest(reset_token)
    with atomic(SCOPE):
        found = PasswordReset.objects.select_related("user").filter(token_hash=token_hash).first()
    if found is None or found.user is None or found.used_at is not None or found.expires_at <= now:
        raise ResetRefused
    user = found.user
    check_new_password(new, user=user)
    with atomic(SCOPE), acting("person", f"user:{user.pk}"):
        if not user.is_active or not db.execute(SPEND, [now, user.pk, token_hash, now]):
            raise ResetRefused
        _replace(user, new, keep=None, now=now)
        log_try(
            Try(account=user.email, user_id=user.pk),
            step=Step.PASSWORD_RESET,
            outcome=Outcome.SUCCEEDED,
            now=now,
        )
        return remember_mailbox(user=user, now=now)


def check_new_password(password: str, *, user: User) -> None:
    """Raises Invalid with every rule that a new password breaks."""
    try:
        validate_password(password, user=user)
    except ValidationError as error:
        faults = [
            FieldError("new_password", fault.code or "weak_password", message)
            for fault in error.error_list
            for message in fault.messages
        ]
        raise Invalid(errors=faults) from None


def _replace(user: User, password: str, *, keep: uuid.UUID | None, now: dt.datetime) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    end_sessions(scope=SCOPE, user_id=user.pk, why=EndedBecause.PASSWORD_CHANGED, keep=keep, now=now)
    post_mail(scope=SCOPE, kind=MailKind.PASSWORD_CHANGED, user=user, values=_where(now), now=now)


def _where(now: dt.datetime) -> Mapping[str, str]:
    return {"at": rfc3339(now), "address": origin().address}
