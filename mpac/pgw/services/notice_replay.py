"""Applying stored notices once more, because somebody wants it. The same truth is asked for, so nothing counts twice."""

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import Case, QuerySet, TextField, Value, When

from kernel.errors import NotFound
from kernel.logs import get_logger
from kernel.tenancy import Scope
from mpac.pgw.db import atomic
from mpac.pgw.domain.probing import CLAIM_LEASE
from mpac.pgw.domain.webhooks import WebhookStatus
from mpac.pgw.errors import TooManyNotices
from mpac.pgw.models import WebhookKey
from mpac.pgw.services.inbound import settle_notice

logger = get_logger(__name__)
AT_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRange:
    """Which notices: of a time, and of one provider and one account unless they are empty."""

    since: dt.datetime
    until: dt.datetime
    statuses: Sequence[WebhookStatus]
    provider: str = ""
    account: str = ""


def replay_notice(*, scope: Scope, key_id: uuid.UUID, now: dt.datetime) -> WebhookKey:
    """Apply one notice now, and from then on as if it were new; returns it as it then stands. Raises NotFound."""
    with atomic(scope):
        if not _begin_anew(WebhookKey.objects.filter(pk=key_id), at=now + CLAIM_LEASE):
            raise NotFound
    try:
        settle_notice(key_id, facts=None, now=now)
    except Exception:
        logger.exception("a stored notice could not be applied once more yet", webhook=str(key_id))
    with atomic(scope):
        key: WebhookKey | None = WebhookKey.objects.filter(pk=key_id).first()
    if key is None:
        raise NotFound
    return key


def replay_range(
    *, scope: Scope, wanted: NoticeRange, may: Callable[[WebhookKey], bool], now: dt.datetime
) -> int:
    """Let a range of notices be applied once more by the job that applies them, where `may` says so; returns how many.

    Raises TooManyNotices.
    """
    with atomic(scope):
        found = WebhookKey.objects.filter(
            created_at__gte=wanted.since, created_at__lt=wanted.until, status__in=list(wanted.statuses)
        )
        if wanted.provider:
            found = found.filter(provider=wanted.provider)
        if wanted.account:
            found = found.filter(account=wanted.account)
        keys = list(found.order_by("pk")[: AT_MOST + 1])
        if len(keys) > AT_MOST:
            raise TooManyNotices
        allowed = [key.pk for key in keys if may(key)]
        return _begin_anew(WebhookKey.objects.filter(pk__in=allowed), at=now)


def _begin_anew(keys: "QuerySet[WebhookKey]", *, at: dt.datetime) -> int:
    """What was given up is open again, and all of them have their next try at `at`."""
    pending = Value(WebhookStatus.PENDING.value, output_field=TextField())
    reopened = Case(When(status=WebhookStatus.UNCONFIRMED, then=pending), default="status")
    return int(keys.update(status=reopened, tries=0, next_try_at=at))
