"""Settings of groups..."""

import pytest

from kernel import clock
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic, db
from mpac.portal.errors import SettingLocked
from mpac.portal.selectors.settings import explain_device, open_secret
from mpac.portal.services.device_groups import (
    add_members,
    create_group,
    remove_members,
    update_device,
    update_group,
)
from mpac.portal.services.replacement import replace_device
from tests.delivery import deliver_all
from tests.portal.factories import SEED, make_store, make_terminal, published
from tests.portal.services.test_settings import explain, holding, place_of, preview, put


def make_group(tenant, *, merchant=True, priority=0, selector=None, members=()):
    group = create_group(
        scope=SEED,
        psp_id=tenant.psp.id,
        merchant_id=tenant.merchant.id if merchant else None,
        name=f"group {clock.now().timestamp()}",
        selector=selector or {},
        priority=priority,
        livemode=False,
        now=clock.now(),
    )
    if members:
        ids = [each.device_id for each in members]
        add_members(scope=SEED, group_id=group.id, device_ids=ids, now=clock.now())
    return group, place_of("group", group.public_id)


def label(terminal, **labels):
    update_device(scope=SEED, device_id=terminal.device_id, labels=labels, now=clock.now())


@pytest.mark.parametrize("merchant", [True, False])
def test_reach_members_and_those_that_bear_the_labels(tenant, terminal, merchant):
    """Also when it is the terminal itself that asks: a group of a whole provider is hidden from nobody in it."""
    member, labelled = make_terminal(tenant.store), make_terminal(make_store(tenant.merchant))
    _, place = make_group(tenant, merchant=merchant, selector={"floor": "1"}, members=[member])
    label(labelled, floor="1", side="left")
    put(place, 2)
    put(place_of("store", tenant.store.id), 3)
    assert holding(member) == (2, "group")
    assert holding(labelled) == (2, "group")
    assert holding(terminal) == (3, "store")
    with atomic(TenantScope(tenant.psp.id, tenant.merchant.id, (tenant.store.id,), livemode=False)):
        assert explain_device(device_id=member.device_id)["receipt.copies"].source.level == "group"
    put(place_of("device", member.client_id), 0)
    assert holding(member) == (0, "device")


def test_of_several_the_one_with_the_highest_priority_has_its_way(tenant, terminal):
    _, low = make_group(tenant, priority=1, members=[terminal])
    high_group, high = make_group(tenant, priority=2, members=[terminal])
    put(high, 3)
    put(low, 2)
    assert preview(low, value=0) == (1, 0)
    put(low, 2, locked=True)  # binds what is below groups, not its betters
    assert holding(terminal) == (3, "group")
    assert preview(high, value=0) == (1, 1)
    update_group(scope=SEED, group_id=high_group.id, priority=0, now=clock.now())
    assert holding(terminal) == (2, "group")
    with pytest.raises(SettingLocked):
        put(place_of("device", terminal.client_id), 0)


def told():
    deliver_all([db])
    return [[each["device_id"] for each in event["devices"]] for event in published("portal.config_reached")]


def test_are_told_to_those_who_join_leave_or_are_labelled_anew(tenant, terminal):
    group, place = make_group(tenant, selector={"floor": "1"})
    assert told() == []  # a group that sets nothing changes nothing
    put(place, 2)
    assert told() == []
    me = {"scope": SEED, "group_id": group.id, "device_ids": [terminal.device_id], "now": clock.now()}
    add_members(**me)
    assert told() == [[terminal.client_id]]
    remove_members(**me)
    label(terminal, floor="1")
    update_group(scope=SEED, group_id=group.id, selector={"floor": "2"}, now=clock.now())
    assert told() == [[terminal.client_id]] * 4


def test_of_a_change_are_told_to_the_terminals_of_the_group(tenant, terminal):
    member = make_terminal(tenant.store)
    _, place = make_group(tenant, members=[member])
    put(place, 2)
    assert told() == [[member.client_id]]
    assert preview(place, value=3) == (1, 1)
    assert preview(place_of("store", tenant.store.id), value=3) == (2, 1)


def test_and_those_of_a_broken_terminal_are_those_of_the_one_that_replaces_it(tenant, terminal):
    own = place_of("device", terminal.client_id)
    put(own, 3)
    put(own, "correct horse", name="network.wifi_password")
    _, place = make_group(tenant, members=[terminal])
    put(place, "always", name="receipt.print")
    new = replace_device(
        scope=SEED, device_id=terminal.device_id, serial_number="SN-NEW", actor="user:1", now=clock.now()
    ).device
    with atomic(SEED):
        found = explain_device(device_id=new.id)
    assert (found["receipt.copies"].value, found["receipt.print"].value) == (3, "always")
    assert open_secret(found["network.wifi_password"].source) == "correct horse"
    assert explain(terminal)["receipt.copies"].value == 3
