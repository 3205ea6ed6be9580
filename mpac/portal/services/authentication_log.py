"""The log of tries to sign in: a row for each, the same for accounts that exist and for those that do not."""

import datetime as dt
import uuid
from dataclasses import dataclass

import structlog
from django.conf import settings

from kernel.origin import origin
from mpac.portal.db import atomic
from mpac.portal.domain.login import Entrance, Outcome, Step
from mpac.portal.domain.secrets import short_digest
from mpac.portal.models import AuthenticationLog
from mpac.portal.services.throttling import SCOPE

LONGEST_AGENT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A try to sign in: for which account, through which entrance, from a device that its owner used before or not."""

    account: str
    entrance: Entrance = Entrance.API
    user_id: int | None = None
    known_device: bool = False


def log_try(
    tried: Try,
    *,
    step: Step,
    outcome: Outcome,
    reason: str = "",
    session_id: uuid.UUID | None = None,
    now: dt.datetime,
) -> None:
    """Write down what came of a try; where it came from is the request's origin."""
    by = origin()
    with atomic(SCOPE):
        AuthenticationLog.objects.create(
            created_at=now,
            user_id=tried.user_id,
            account=account_digest(tried.account),
            entrance=tried.entrance,
            step=step,
            outcome=outcome,
            reason=reason,
            session_id=session_id,
            known_device=tried.known_device,
            address=by.address,
            user_agent=user_agent(),
            request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        )


def account_digest(account: str) -> str:
    """How an account is called in the log and among the counted tries, whether it exists or not."""
    return short_digest(account.strip().lower(), place="portal.account", pepper=settings.SECRET_KEY)


def user_agent() -> str:
    """What the caller's program says it is, as far as it is kept."""
    return origin().user_agent.replace("\x00", "")[:LONGEST_AGENT]
