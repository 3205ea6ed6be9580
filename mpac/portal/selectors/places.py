"""Finding places, and the terminals below them. What is missing and what is another's look the same."""

import re
from collections.abc import Callable
from typing import Any

from kernel import ids
from kernel.errors import NotFound
from kernel.tenancy import Scope, SystemScope
from mpac.portal.db import atomic
from mpac.portal.domain.places import Level, Place
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.models.device_group import PREFIX as GROUP
from mpac.portal.selectors.device_groups import get_group
from mpac.portal.selectors.devices import get_device
from mpac.portal.selectors.hierarchy import get_merchant, get_psp, get_store

PLATFORM_KEY = "all"
NUMBER = re.compile("[1-9][0-9]{0,9}")
MAX_INT4 = 2**31 - 1

# Whether a terminal `d` belongs to a group `g`: as a member, or by its labels.
BELONGS = """
    (g.psp_id = d.psp_id AND g.livemode = d.livemode AND (g.merchant_id IS NULL OR g.merchant_id = d.merchant_id)
     AND (g.selector <> '{}'::jsonb AND d.labels @> g.selector
          OR EXISTS (SELECT 1 FROM device_group_members m WHERE m.psp_id = d.psp_id
                     AND m.merchant_id = d.merchant_id AND m.group_id = g.id AND m.device_id = d.id)))
"""
# The terminals `d` below a place, with the parameters that `parameters_of` gives.
IN_REACH = {
    Level.PLATFORM: "true",
    Level.PSP: "d.psp_id = %(psp_id)s",
    Level.MERCHANT: "d.psp_id = %(psp_id)s AND d.merchant_id = %(merchant_id)s",
    Level.STORE: "d.psp_id = %(psp_id)s AND d.merchant_id = %(merchant_id)s AND d.store_id = %(store_id)s",
    # Like BELONGS for one group, whose row is looked up once and not for every terminal.
    Level.GROUP: """
        d.psp_id = %(psp_id)s AND (%(merchant_id)s::int IS NULL OR d.merchant_id = %(merchant_id)s)
        AND d.livemode = (SELECT g.livemode FROM device_groups g WHERE g.id = %(group_id)s)
        AND (d.id IN (SELECT m.device_id FROM device_group_members m
                      WHERE m.psp_id = %(psp_id)s AND m.group_id = %(group_id)s)
             OR d.labels @> (SELECT nullif(g.selector, '{}'::jsonb) FROM device_groups g WHERE g.id = %(group_id)s))
    """,
    Level.DEVICE: "d.id = %(device_id)s",
}


def get_place(*, scope: Scope, level: str, key: str) -> Place:
    """The place that the API calls `level` and `key`. Raises NotFound."""
    find = _PLACE_FINDERS.get(level)
    if find is None:
        raise NotFound
    with atomic(scope):
        return find(scope, key)


def parameters_of(place: Place) -> dict[str, Any]:
    """What the conditions of `IN_REACH` refer to."""
    return {
        "psp_id": place.psp_id,
        "merchant_id": place.merchant_id,
        "store_id": place.store_id,
        "group_id": place.group_id,
        "device_id": place.device_id,
    }


def _number(key: str) -> int:
    if not NUMBER.fullmatch(key) or int(key) > MAX_INT4:
        raise NotFound
    return int(key)


def _platform(scope: Scope, key: str) -> Place:
    if key != PLATFORM_KEY or not isinstance(scope, SystemScope):
        raise NotFound
    return Place(level=Level.PLATFORM, key=key)


def _psp(scope: Scope, key: str) -> Place:
    psp = get_psp(scope=scope, psp_id=_number(key))
    return Place(level=Level.PSP, key=key, psp_id=psp.id)


def _merchant(scope: Scope, key: str) -> Place:
    merchant = get_merchant(scope=scope, merchant_id=_number(key))
    return Place(level=Level.MERCHANT, key=key, psp_id=merchant.psp_id, merchant_id=merchant.id)


def _store(scope: Scope, key: str) -> Place:
    store = get_store(scope=scope, store_id=_number(key))
    return Place(
        level=Level.STORE, key=key, psp_id=store.psp_id, merchant_id=store.merchant_id, store_id=store.id
    )


def _group(scope: Scope, key: str) -> Place:
    group = get_group(scope=scope, group_id=ids.decode(GROUP, key))
    return Place(
        level=Level.GROUP, key=key, psp_id=group.psp_id, merchant_id=group.merchant_id, group_id=group.id
    )


def _device(scope: Scope, key: str) -> Place:
    device = get_device(scope=scope, device_id=ids.decode(DEVICE, key))
    return Place(
        level=Level.DEVICE,
        key=key,
        psp_id=device.psp_id,
        merchant_id=device.merchant_id,
        store_id=device.store_id,
        device_id=device.id,
    )


_PLACE_FINDERS: dict[str, Callable[[Scope, str], Place]] = {
    Level.PLATFORM: _platform,
    Level.PSP: _psp,
    Level.MERCHANT: _merchant,
    Level.STORE: _store,
    Level.GROUP: _group,
    Level.DEVICE: _device,
}
