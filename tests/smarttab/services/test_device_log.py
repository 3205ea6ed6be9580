"""The devices' event logs."""

import concurrent.futures
import datetime as dt
import uuid

import pytest
from django.db import connections

from kernel import clock, ids
from mpac.smarttab import tasks
from mpac.smarttab.db import atomic, db
from mpac.smarttab.domain.device_log import LogBounds
from mpac.smarttab.models import DeviceEvent, DeviceStream, Order
from mpac.smarttab.selectors.device_log import find_bounds, read_log
from mpac.smarttab.services.device_log import (
    NewDeviceEvent,
    acknowledge_events,
    append_device_events,
    trim_device_events,
)

DEVICES = sorted(ids.uuid7() for _ in range(3))


def append(shop, *kinds, devices=DEVICES[:1], at=None):
    now = at or clock.now()
    owner = Order(psp_id=shop.psp_id, merchant_id=shop.merchant_id, store_id=shop.store_id)
    events = [NewDeviceEvent(type=kind, data={"kind": kind}) for kind in kinds]
    with atomic(shop.tenant):
        append_device_events(device_ids=devices, owner=owner, events=events, now=now)


def log(shop, device_id=DEVICES[0], *, after=0, limit=200):
    with atomic(shop.tenant):
        return read_log(device_id, after=after, limit=limit)


def test_sequences_begin_at_one_and_have_no_gaps(shop):
    append(shop, "a", "b")
    append(shop, "c")
    page = log(shop)
    assert [(event.seq, event.type) for event in page.events] == [(1, "a"), (2, "b"), (3, "c")]
    assert page.bounds == LogBounds(head=3, floor=1)


def test_each_device_has_a_log_of_its_own_and_is_told_once(shop):
    append(shop, "a", devices=[DEVICES[1], None, DEVICES[0], DEVICES[1]])
    append(shop, "b", devices=[DEVICES[1]])
    assert [event.seq for event in log(shop, DEVICES[0]).events] == [1]
    assert [event.seq for event in log(shop, DEVICES[1]).events] == [1, 2]


def test_a_rolled_back_change_leaves_no_gap(shop):
    append(shop, "a")

    def fail():
        with atomic(shop.tenant):
            append(shop, "lost")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    append(shop, "b")
    assert [(event.seq, event.type) for event in log(shop).events] == [(1, "a"), (2, "b")]


def test_many_writers_leave_no_gap_and_do_not_deadlock(shop):
    def write(number):
        try:
            append(shop, "x", devices=DEVICES if number % 2 else DEVICES[::-1])
        finally:
            connections.close_all()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    for device in DEVICES:
        assert [event.seq for event in log(shop, device).events] == list(range(1, 41))


def test_a_reader_continues_where_it_stopped(shop):
    append(shop, *"abcde")
    assert [event.seq for event in log(shop, after=1, limit=2).events] == [2, 3]
    assert log(shop, after=5).events == []


def test_another_merchants_log_is_empty(shop, other_shop):
    append(shop, "a")
    page = log(other_shop)
    assert (page.events, page.bounds) == ([], LogBounds(head=0, floor=1))


def test_an_acknowledgement_moves_forward_and_not_beyond_the_head(shop):
    append(shop, *"abc")
    for seq, kept in ((2, 2), (1, 2), (9, 3)):
        acknowledge_events(scope=shop.tenant, device_id=DEVICES[0], seq=seq, now=clock.now())
        with atomic(shop.tenant):
            assert DeviceStream.objects.get().acknowledged == kept


def test_what_is_beyond_retention_is_dropped_from_the_beginning(shop):
    append(shop, "a", "b")
    with atomic(shop.tenant):
        db.execute("UPDATE device_events SET id = %s WHERE seq = 1", [ids.uuid7(at=days_ago(31))])
        db.execute("UPDATE device_events SET id = %s WHERE seq = 2", [ids.uuid7(at=days_ago(29))])
    assert tasks.trim_device_logs(now=clock.now()) == 1
    assert log(shop).bounds == LogBounds(head=2, floor=2)
    assert tasks.trim_device_logs(now=clock.now()) == 0


def test_a_log_that_was_dropped_whole_goes_on_counting(shop):
    append(shop, "a", "b")
    assert trim_device_events(before=clock.now() + dt.timedelta(days=1), now=clock.now()) == 2
    with atomic(shop.tenant):
        assert find_bounds(DEVICES[0]) == LogBounds(head=2, floor=3)
        assert not DeviceEvent.objects.exists()
    append(shop, "c")
    assert [event.seq for event in log(shop).events] == [3]


def test_a_device_without_events_has_an_empty_log(shop):
    with atomic(shop.tenant):
        assert find_bounds(uuid.uuid4()) == LogBounds(head=0, floor=1)


def days_ago(days):
    return clock.now() - dt.timedelta(days=days)
