"""Mails: written with the change that they tell of, sent by a reaction to their event.

Sent at least once: who dies between sending and noting it sends again, under the same Message-ID.
"""

import datetime as dt
import uuid
from collections.abc import Mapping

from django.conf import settings
from django.core.mail import EmailMessage

from kernel import crypto, ids
from kernel.outbox import publish
from kernel.tenancy import Scope, SystemScope, TenantScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain import mails
from mpac.portal.domain.mails import MailKind
from mpac.portal.events import MailPosted
from mpac.portal.models import Mail, User

PREFIX = "mail"


def post_mail(
    *,
    scope: Scope,
    kind: MailKind,
    user: User | None,
    recipient: str = "",
    values: Mapping[str, str] | None = None,
    secret: str = "",
    now: dt.datetime,
) -> Mail:
    """Leave a mail to be sent to a person, or to an address; joins the transaction of what it tells of.

    `secret` is sealed until the mail has been sent, and no event carries it. Without anybody to send it to, all the same
    work is done and nothing is sent.
    """
    mail = Mail(kind=kind, user=user, recipient=recipient, values=dict(values or {}), created_at=now)
    if secret:
        mail.secret_sealed = crypto.seal(secret.encode(), aad=mail.sealed_for())
    with atomic(scope):
        mail.save(force_insert=True)
        name = ids.encode(PREFIX, mail.id)
        tenant = scope if isinstance(scope, TenantScope) else None
        event = MailPosted(
            aggregate_id=name,
            psp_id=tenant.psp_id if tenant else None,
            merchant_id=tenant.merchant_id if tenant else None,
            mail_id=name,
        )
        publish(db, event, now=now)
    return mail


def send_mail(*, mail_id: uuid.UUID, now: dt.datetime) -> bool:
    """Send a mail that has not been sent; returns whether it was. What the mail server refuses is raised."""
    scope = SystemScope("relay")
    with atomic(scope):
        mail = Mail.objects.select_related("user").filter(id=mail_id, sent_at__isnull=True).first()
    if mail is None:
        return False
    recipient = mail.recipient or (mail.user.email if mail.user else "")
    if recipient:
        _message(mail, recipient).send()
    with atomic(scope):
        Mail.objects.filter(id=mail_id).update(sent_at=now, secret_sealed="")
    return bool(recipient)


def _message(mail: Mail, recipient: str) -> EmailMessage:
    secret = (
        crypto.open_sealed(mail.secret_sealed, aad=mail.sealed_for()).decode() if mail.secret_sealed else ""
    )
    letter = mails.write(MailKind(mail.kind), values=mail.values, secret=secret, url=conf.public_url())
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    headers = {"Message-ID": f"<{ids.encode(PREFIX, mail.id)}@{domain}>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(letter.subject, letter.text, None, [recipient], headers=headers)
