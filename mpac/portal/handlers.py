"""How portal goes on with what it has begun itself, and what it counts of payments. Each handler calls one service."""

import datetime as dt
import uuid
from collections.abc import Sequence

from kernel import ids
from kernel.handlers import Fact, handles
from mpac.portal.db import db
from mpac.portal.events import CommandBatchCancelled, CommandBatchDue, ConfigChanged, ConfigSpread, MailPosted
from mpac.portal.services import command_batches
from mpac.portal.services.config_news import spread_config_news
from mpac.portal.services.mails import PREFIX, send_mail
from mpac.portal.services.updates import count_payments
from mpac.smarttab import events as sales


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


@handles(sales.PaymentCompleted, db=db, consumer="portal.count_payments", together=True)
@handles(sales.PaymentFailed, db=db, consumer="portal.count_payments", together=True)
def count_payments_of_terminals(facts: Sequence[Fact], *, now: dt.datetime) -> None:  # noqa: ARG001
    """Payments tell whether what a terminal runs still takes money. What a person called off tells nothing."""
    outcomes: dict[uuid.UUID, tuple[int, int]] = {}
    for fact in facts:
        event = fact.event
        if not isinstance(event, sales.PaymentCompleted | sales.PaymentFailed) or event.device_id is None:
            continue
        failed = isinstance(event, sales.PaymentFailed)
        if isinstance(event, sales.PaymentFailed) and event.status != "failed":
            continue
        device_id = ids.decode("dev", event.device_id)
        so_far = outcomes.get(device_id, (0, 0))
        outcomes[device_id] = (so_far[0] + (not failed), so_far[1] + failed)
    if outcomes:
        count_payments(psp_id=int(facts[0].event.psp_id or 0), outcomes=outcomes)
