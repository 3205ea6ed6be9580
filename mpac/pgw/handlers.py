"""What the gateway does about its own events: partners are told."""

import datetime as dt
from collections.abc import Sequence

from kernel.handlers import Fact, handles
from mpac.pgw.db import db
from mpac.pgw.domain.partner_events import TOLD
from mpac.pgw.services.partner_events import record_events


def tell_partner(facts: Sequence[Fact], *, now: dt.datetime) -> None:
    """Keep the events for their partner, and send them to the endpoints that want them."""
    record_events(facts, now=now)


for _kind in TOLD:
    handles(_kind, db=db, consumer="pgw.tell_partner", together=True)(tell_partner)
