"""Carrying the news of changed settings to the terminals that they touch: a few at a time, each part in a transaction of its
own whose event begins the next one. Whatever dies goes on where it was, for events are delivered until they are handled.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from kernel import ids
from kernel.outbox import publish
from mpac.portal.db import db
from mpac.portal.domain.places import Level, Place
from mpac.portal.events import ConfigChanged, ConfigReached, ConfigSpread
from mpac.portal.models import Device, DeviceGroup, SettingValue
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.selectors.settings import FIRST, TouchedDevice, list_touched

AT_A_TIME = 200


def spread_config_news(*, news: ConfigChanged | ConfigSpread, now: dt.datetime) -> int:
    """Tell the next terminals of a change, in the open transaction; returns how many."""
    after = ids.decode(DEVICE, news.after) if isinstance(news, ConfigSpread) and news.after else FIRST
    touched = list_touched(
        place=_place_of(news),
        name=news.name,
        overridable=news.overridable,
        after=after,
        limit=AT_A_TIME,
    )
    whose: dict[str, Any] = {
        "aggregate_id": news.aggregate_id,
        "psp_id": news.psp_id,
        "merchant_id": news.merchant_id,
        "store_id": news.store_id,
    }
    if touched:
        publish(db, ConfigReached(**whose, devices=[where(each) for each in touched]), now=now)
    if len(touched) == AT_A_TIME:
        onward = ConfigSpread(
            **whose,
            level=news.level,
            place=news.place,
            name=news.name,
            overridable=news.overridable,
            after=ids.encode(DEVICE, touched[-1].id),
        )
        publish(db, onward, now=now)
    return len(touched)


def tell_of_regrouping(
    *, group: DeviceGroup, devices: Sequence[Device] | None = None, now: dt.datetime
) -> None:
    """Tell terminals that joined or left a group, or all that may have, when the group sets anything; in the open
    transaction.
    """
    if not SettingValue.objects.filter(psp_id=group.psp_id, group_id=group.id, is_set=True).exists():
        return
    whose: dict[str, Any] = {
        "aggregate_id": group.public_id,
        "psp_id": group.psp_id,
        "merchant_id": group.merchant_id,
    }
    if devices is not None:
        publish(db, ConfigReached(**whose, devices=[where(each) for each in devices]), now=now)
        return
    place = Place(
        level=Level.PSP if group.merchant_id is None else Level.MERCHANT,
        key="",
        psp_id=group.psp_id,
        merchant_id=group.merchant_id,
    )
    everybody = ConfigSpread(
        **whose, level=place.level, place=place.name, name="", overridable=False, after=""
    )
    publish(db, everybody, now=now)


def tell_of_relabelling(*, device: Device, now: dt.datetime) -> None:
    """Tell a terminal whose labels changed, when any group of its provider sets anything; in the open transaction."""
    found = SettingValue.objects.filter(psp_id=device.psp_id, level=Level.GROUP, is_set=True)
    if found.exists():
        event = ConfigReached(
            aggregate_id=device.public_id,
            psp_id=device.psp_id,
            merchant_id=device.merchant_id,
            store_id=device.store_id,
            devices=[where(device)],
        )
        publish(db, event, now=now)


def where(device: TouchedDevice | Device) -> dict[str, object]:
    """A terminal and where it stands, as events carry it."""
    return {
        "device_id": ids.encode(DEVICE, device.id),
        "psp_id": device.psp_id,
        "merchant_id": device.merchant_id,
        "store_id": device.store_id,
    }


def _place_of(news: ConfigChanged | ConfigSpread) -> Place:
    level, key = Level(news.level), news.place.partition(":")[2]
    return Place(
        level=level,
        key=key,
        psp_id=news.psp_id,
        merchant_id=news.merchant_id,
        store_id=news.store_id,
        group_id=uuid.UUID(key) if level is Level.GROUP else None,
        device_id=uuid.UUID(key) if level is Level.DEVICE else None,
    )
