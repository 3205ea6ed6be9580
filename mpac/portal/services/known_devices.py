"""Devices that people signed in with before: known by a random token that they keep, and told of when they are new."""

import datetime as dt

from kernel.clock import rfc3339
from kernel.origin import origin
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic
from mpac.portal.domain.mails import MailKind
from mpac.portal.domain.secrets import digest, new_token
from mpac.portal.models import KnownDevice, Session, User
from mpac.portal.services.authentication_log import user_agent
from mpac.portal.services.mails import post_mail

SCOPE = SystemScope("authentication")


def find_device(*, device_token: str, account: str, now: dt.datetime) -> KnownDevice | None:
    """The device that a token belongs to, if it is known for the account of this address."""
    with atomic(SCOPE):
        return KnownDevice.objects.filter(
            token_hash=digest(device_token), user__email=account, expires_at__gt=now
        ).first()


def remember_device(*, user: User, now: dt.datetime) -> tuple[KnownDevice, str]:
    """A new device of a person, and its token."""
    token = new_token("dt")
    with atomic(SCOPE):
        device = KnownDevice.objects.create(
            user=user,
            token_hash=digest(token),
            created_at=now,
            last_used_at=now,
            expires_at=now + dt.timedelta(seconds=conf.KNOWN_DEVICE_TTL_S),
        )
    return device, token


def remember_mailbox(*, user: User, now: dt.datetime) -> str:
    """The token of a device whose owner reads a person's mailbox and has not signed in yet; joins the open transaction.

    There is one such device a person, and with it one count of tries: asking for passwords again and again frees no more.
    """
    token = new_token("dt")
    with atomic(SCOPE):
        used = Session.objects.filter(user=user, known_device__isnull=False).values("known_device_id")
        idle = KnownDevice.objects.filter(user=user).exclude(pk__in=used).order_by("created_at").first()
        if idle is None:
            return remember_device(user=user, now=now)[1]
        expires_at = now + dt.timedelta(seconds=conf.KNOWN_DEVICE_TTL_S)
        KnownDevice.objects.filter(pk=idle.pk).update(token_hash=digest(token), expires_at=expires_at)
    return token


def notice_device(*, user: User, known: KnownDevice | None, now: dt.datetime) -> tuple[KnownDevice, str]:
    """The device that a person signs in with, and its token when it is a new one.

    Of a new device the person is told by mail, unless it is their very first; joins the open transaction.
    """
    with atomic(SCOPE):
        if known is not None:
            expires_at = now + dt.timedelta(seconds=conf.KNOWN_DEVICE_TTL_S)
            KnownDevice.objects.filter(pk=known.pk).update(last_used_at=now, expires_at=expires_at)
            return known, ""
        if Session.objects.filter(user=user).exists():
            values = {"at": rfc3339(now), "address": origin().address, "user_agent": user_agent()}
            post_mail(scope=SCOPE, kind=MailKind.NEW_DEVICE, user=user, values=values, now=now)
        return remember_device(user=user, now=now)
