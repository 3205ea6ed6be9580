"""How portal goes on with what it has begun itself. Each handler parses an event and calls one service."""

import datetime as dt

from kernel import ids
from kernel.handlers import handles
from mpac.portal.db import db
from mpac.portal.events import CommandBatchCancelled, CommandBatchDue, ConfigChanged, ConfigSpread, MailPosted
from mpac.portal.services import command_batches
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


@handles(CommandBatchDue, db=db, consumer="portal.expand_command_batch")
def expand_batch(event: CommandBatchDue, *, now: dt.datetime) -> None:
    """A batch of commands goes on to the next few terminals."""
    command_batches.expand_batch(
        batch_id=ids.decode("cmb", event.batch_id),
        after=ids.decode("dev", event.after) if event.after else command_batches.FIRST,
        now=now,
    )


@handles(CommandBatchCancelled, db=db, consumer="portal.cancel_rest_of_batch")
def cancel_rest(event: CommandBatchCancelled, *, now: dt.datetime) -> None:
    """A batch was called off: so are the next few of its commands."""
    command_batches.cancel_rest_of_batch(batch_id=ids.decode("cmb", event.batch_id), now=now)
