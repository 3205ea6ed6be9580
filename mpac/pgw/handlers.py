"""What the gateway does about its own events: partners are told."""

import datetime as dt
import uuid

from kernel.events import Event
from kernel.handlers import handles
from mpac.pgw.db import db
from mpac.pgw.domain.partner_events import TOLD
from mpac.pgw.services.partner_events import record_event


def tell_partner(event: Event, *, event_id: uuid.UUID, now: dt.datetime) -> None:
    """Keep the event for its partner, and send it to the endpoints that want it."""
    record_event(event, event_id=event_id, now=now)


for _kind in TOLD:
    handles(_kind, db=db, consumer="pgw.tell_partner", identified=True)(tell_partner)
