"""How portal goes on with what it has begun itself. Each handler parses an event and calls one service."""

import datetime as dt

from kernel import ids
from kernel.handlers import handles
from mpac.portal.db import db
from mpac.portal.events import ConfigChanged, ConfigSpread, MailPosted
from mpac.portal.services.config_news import spread_config_news
from mpac.portal.services.mails import PREFIX, send_mail


@handles(ConfigChanged, db=db, consumer="portal.spread_config_news")
@handles(ConfigSpread, db=db, consumer="portal.spread_config_news")
def spread_news(event: ConfigChanged | ConfigSpread, *, now: dt.datetime) -> None:
    """A setting was changed: tell the terminals, the next few of them."""
    spread_config_news(news=event, now=now)


@handles(MailPosted, db=db, consumer="portal.send_mail", own_transaction=False)
def send_posted_mail(event: MailPosted, *, now: dt.datetime) -> None:
    """Send one mail."""
    send_mail(mail_id=ids.decode(PREFIX, event.mail_id), now=now)
