"""The gateway's scheduled jobs."""

import datetime as dt

from kernel.jobs import job
from mpac.pgw import conf
from mpac.pgw.db import db
from mpac.pgw.services.expiry import expire_untried
from mpac.pgw.services.inbound import retry_webhooks
from mpac.pgw.services.operation_resolution import resolve_due_captures, resolve_due_refunds
from mpac.pgw.services.partner_calls import give_up_webhooks, send_due_webhooks
from mpac.pgw.services.resolution import resolve_due_attempts


@job("pgw.resolve_attempts", every_s=2, db=db, at_once=conf.RESOLVERS_AT_ONCE)
def resolve_attempts(*, now: dt.datetime) -> int:
    """Ask about attempts whose outcome is open or may still change."""
    return resolve_due_attempts(now=now)


@job("pgw.resolve_captures", every_s=2, db=db, at_once=conf.RESOLVERS_AT_ONCE)
def resolve_captures(*, now: dt.datetime) -> int:
    """Ask about captures whose outcome is open, and send those that nobody sent."""
    return resolve_due_captures(now=now)


@job("pgw.resolve_refunds", every_s=2, db=db, at_once=conf.RESOLVERS_AT_ONCE)
def resolve_refunds(*, now: dt.datetime) -> int:
    """Ask about refunds whose outcome is open, and send those that nobody sent."""
    return resolve_due_refunds(now=now)


@job("pgw.retry_webhooks", every_s=5, db=db, at_once=conf.RESOLVERS_AT_ONCE)
def retry_inbound(*, now: dt.datetime) -> int:
    """Apply stored notices that could not be applied when they came."""
    return retry_webhooks(now=now)


@job("pgw.expire_intents", every_s=10, db=db)
def expire_intents(*, now: dt.datetime) -> int:
    """End intents that nobody paid in time."""
    return expire_untried(now=now)


@job("pgw.call_partners", every_s=1, db=db, at_once=conf.SENDERS_AT_ONCE)
def call_partners(*, now: dt.datetime) -> int:
    """Send partners what they are to be told."""
    return send_due_webhooks(now=now)


@job("pgw.give_up_webhooks", every_s=600, db=db)
def give_up(*, now: dt.datetime) -> int:
    """End what ran out while nobody was called."""
    return give_up_webhooks(now=now)
