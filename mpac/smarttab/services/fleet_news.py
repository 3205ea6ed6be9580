"""Telling terminals what portal has for them: new settings and commands. What it is, they read there."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from kernel import ids
from kernel.clock import rfc3339
from mpac.smarttab.services.device_log import NewDeviceEvent, Notice, append_notices

Device = Mapping[str, Any]


def tell_config_changed(*, devices: Sequence[Device], now: dt.datetime) -> None:
    """Tell these terminals that their settings changed, in the open transaction."""
    append_notices(
        notices=[
            _notice(each, "config.changed", "device_config", each["device_id"], now=now) for each in devices
        ],
        now=now,
    )


def tell_commands_created(*, commands: Sequence[Device], now: dt.datetime) -> None:
    """Tell terminals what they have to do, one command each, in the open transaction. Its parameters they fetch."""
    notices = [
        _notice(
            each,
            "command.created",
            "command",
            each["command_id"],
            now=now,
            kind=each["kind"],
            expires_at=each["expires_at"],
        )
        for each in commands
    ]
    append_notices(notices=notices, now=now)


def tell_update_available(*, devices: Sequence[Device], update: Mapping[str, Any], now: dt.datetime) -> None:
    """Tell these terminals that there may be something to install, in the open transaction."""
    more = {name: value for name, value in update.items() if name != "id"}
    notices = [_notice(each, "update.available", "update", update["id"], now=now, **more) for each in devices]
    append_notices(notices=notices, now=now)


def _notice(device: Device, event: str, thing: str, key: str, *, now: dt.datetime, **more: Any) -> Notice:
    """The event names its object and no values, for the log may be read much later."""
    said = {"object": thing, "id": key, "created_at": rfc3339(now)} | more
    return Notice(
        device_id=ids.decode("dev", device["device_id"]),
        psp_id=device["psp_id"],
        merchant_id=device["merchant_id"],
        store_id=device["store_id"],
        event=NewDeviceEvent(type=event, data=said),
    )
