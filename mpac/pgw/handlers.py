"""What the gateway does about its own events and portal's: partners are told, and what stolen terminals began is called off."""

import datetime as dt
from collections.abc import Sequence

from kernel import ids
from kernel.handlers import Fact, handles
from kernel.tenancy import TenantScope
from mpac.pgw.db import db
from mpac.pgw.domain.partner_events import TOLD
from mpac.pgw.services.cancellation import cancel_intents_of_device
from mpac.pgw.services.partner_events import record_events
from mpac.portal import events as portal


def tell_partner(facts: Sequence[Fact], *, now: dt.datetime) -> None:
    """Keep the events for their partner, and send them to the endpoints that want them."""
    record_events(facts, now=now)


for _kind in TOLD:
    handles(_kind, db=db, consumer="pgw.tell_partner", together=True)(tell_partner)


@handles(portal.DeviceKilled, db=db, consumer="pgw.cancel_intents_of_killed", own_transaction=False)
def cancel_intents_of_killed(event: portal.DeviceKilled, *, now: dt.datetime) -> None:
    """A terminal is in wrong hands: what it has under way is called off, at whichever of its provider's stores it began it."""
    cancel_intents_of_device(
        scope=TenantScope(int(event.psp_id or 0)), device_id=ids.decode("dev", event.device_id), now=now
    )
