"""Reading the devices' event logs. The log in PostgreSQL is the truth; a push only says that there is more to read."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from mpac.smarttab.domain.device_log import LogBounds
from mpac.smarttab.models import DeviceEvent, DeviceStream


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """A stretch of one device's log, ascending, and where the log begins and ends."""

    events: list[DeviceEvent]
    bounds: LogBounds


def find_bounds(device_id: uuid.UUID) -> LogBounds:
    """Return where a device's log begins and ends; a device without events has an empty log."""
    row = DeviceStream.objects.filter(pk=device_id).values_list("head", "floor").first()
    return LogBounds(head=0, floor=1) if row is None else LogBounds(head=row[0], floor=row[1])


def read_log(device_id: uuid.UUID, *, after: int, limit: int) -> LogPage:
    """Read up to `limit` events that follow `after`.

    The bounds are read first: events appended in between are then simply newer than `head`, and are left out.
    """
    bounds = find_bounds(device_id)
    events = DeviceEvent.objects.filter(device_id=device_id, seq__gt=after, seq__lte=bounds.head)
    return LogPage(events=list(events.order_by("seq")[:limit]), bounds=bounds)


def list_heads(device_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the last sequence of each of these devices that has events. Crosses tenants in a system scope."""
    return dict(DeviceStream.objects.filter(pk__in=device_ids).values_list("device_id", "head"))
