"""A terminal..."""

import itertools

import pytest
from django.db import IntegrityError

from kernel import clock, ids
from kernel.errors import Invalid, NotFound
from mpac.portal.db import atomic, db
from mpac.portal.domain.devices import TRANSITIONS, DeviceStatus
from mpac.portal.dto import ProfileChanges
from mpac.portal.errors import IllegalTransition, ParentNotActive, SerialNumberTaken
from mpac.portal.models import Device, DeviceStatusChange
from mpac.portal.services import devices, hierarchy
from tests.portal.factories import SEED, get_device, make_tenant, make_terminal, published, register


def changes_of(device_id):
    with atomic(SEED):
        return [
            (change.from_status, change.to_status, change.actor, change.reason)
            for change in DeviceStatusChange.objects.filter(device_id=device_id).order_by("id")
        ]


def test_is_registered_with_a_code_and_an_event(tenant):
    registered = register(tenant.store, serial_number="SN-1")
    device = get_device(registered.device.id)
    assert (device.status, device.serial_number, device.name) == ("registered", "SN-1", "Till")
    assert (device.psp_id, device.merchant_id, device.store_id) == (
        tenant.psp.id,
        tenant.merchant.id,
        tenant.store.id,
    )
    (event,) = published("portal.device_registered")
    assert event["device_id"] == device.public_id
    assert registered.activation_code not in str(published())


def test_has_a_serial_number_of_its_own_within_its_provider(tenant):
    register(tenant.store, serial_number="SN-1")
    with pytest.raises(SerialNumberTaken):
        register(tenant.store, serial_number=" SN-1 ")
    assert register(make_tenant().store, serial_number="SN-1")


def test_that_was_revoked_may_be_registered_anew(tenant):
    first = register(tenant.store, serial_number="SN-1").device
    devices.revoke_device(scope=SEED, device_id=first.id, actor="test", now=clock.now())
    assert register(tenant.store, serial_number="SN-1").device.id != first.id


def test_needs_a_serial_number_and_an_active_store(tenant):
    place = {"scope": SEED, "store_id": tenant.store.id, "name": "x", "model": "", "livemode": False}
    with pytest.raises(Invalid):
        devices.register_device(**place, serial_number="  ", now=clock.now())
    changes = ProfileChanges(status="suspended")
    hierarchy.update_store(scope=SEED, store_id=tenant.store.id, changes=changes, now=clock.now())
    with pytest.raises(ParentNotActive):
        register(tenant.store)


def test_of_another_provider_is_missing(terminal):
    scope = make_tenant().scope
    for step in (devices.suspend_device, devices.resume_device, devices.revoke_device):
        with pytest.raises(NotFound):
            step(scope=scope, device_id=terminal.device_id, actor="test", now=clock.now())
    with pytest.raises(NotFound):
        devices.reissue_activation_code(scope=scope, device_id=terminal.device_id, now=clock.now())


def test_leaves_a_history_of_its_steps(terminal):
    for step, reason in (
        (devices.suspend_device, "lost"),
        (devices.resume_device, "found"),
        (devices.revoke_device, "broken"),
    ):
        step(scope=SEED, device_id=terminal.device_id, actor="user:1", reason=reason, now=clock.now())
    assert changes_of(terminal.device_id) == [
        ("registered", "active", terminal.client_id, "activated with its code"),
        ("active", "suspended", "user:1", "lost"),
        ("suspended", "active", "user:1", "found"),
        ("active", "revoked", "user:1", "broken"),
    ]
    told = published("portal.device_status_changed", aggregate_id=terminal.client_id)
    assert [(event["from_status"], event["to_status"]) for event in told] == [
        ("active", "suspended"),
        ("suspended", "active"),
        ("active", "revoked"),
    ]


STEPS = {
    DeviceStatus.SUSPENDED: devices.suspend_device,
    DeviceStatus.ACTIVE: devices.resume_device,
    DeviceStatus.REVOKED: devices.revoke_device,
}


def device_in(status, tenant):
    if status is DeviceStatus.REGISTERED:
        return register(tenant.store).device.id
    device_id = make_terminal(tenant.store).device_id
    if status is not DeviceStatus.ACTIVE:
        STEPS[status](scope=SEED, device_id=device_id, actor="test", now=clock.now())
    return device_id


@pytest.mark.parametrize(("source", "target"), list(itertools.product(DeviceStatus, STEPS)))
def test_takes_every_legal_step_and_no_other(tenant, source, target):
    device_id = device_in(source, tenant)
    by_hand = target in TRANSITIONS[source] and (source, target) != (
        DeviceStatus.REGISTERED,
        DeviceStatus.ACTIVE,
    )
    move = {"scope": SEED, "device_id": device_id, "actor": "test", "now": clock.now()}
    if by_hand:
        assert STEPS[target](**move).status == target
    else:
        with pytest.raises(IllegalTransition) as refused:
            STEPS[target](**move)
        assert target not in refused.value.allowed
        assert get_device(device_id).status == source


@pytest.mark.parametrize(("source", "target"), list(itertools.product(DeviceStatus, DeviceStatus)))
def test_is_kept_from_illegal_steps_by_the_database_itself(tenant, source, target):
    if source is target:
        return
    device_id = device_in(source, tenant)
    legal = target in TRANSITIONS[source]
    change = (
        "UPDATE devices SET status = %s, public_jwk = '{}', key_id = 'k', activated_at = now() WHERE id = %s"
    )
    try:
        with atomic(SEED):
            db.execute(change, [target.value, device_id])
    except IntegrityError:
        assert not legal
    else:
        assert legal


def test_is_not_active_without_a_key(tenant):
    device_id = register(tenant.store).device.id
    with pytest.raises(IntegrityError), atomic(SEED):
        Device.objects.filter(id=device_id).update(status="active")


def test_gets_no_new_code_once_it_is_active(terminal):
    with pytest.raises(IllegalTransition):
        devices.reissue_activation_code(scope=SEED, device_id=terminal.device_id, now=clock.now())


def test_that_does_not_exist_is_missing(database):
    with pytest.raises(NotFound):
        devices.suspend_device(scope=SEED, device_id=ids.uuid7(), actor="test", now=clock.now())
