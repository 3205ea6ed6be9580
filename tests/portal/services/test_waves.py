"""The waves of a rollout ..."""

from functools import partial

import pytest

from kernel import clock, ids
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic
from mpac.portal.models import Device, DeviceReport, Rollout
from mpac.portal.services import heartbeats, rollout_news, rollouts
from mpac.portal.services.updates import Report, report_update
from tests.portal.factories import (
    SEED,
    make_app,
    make_release,
    make_rollout,
    make_terminal,
    published,
    seconds,
)

SOAKED = 3601


@pytest.fixture(autouse=True)
def first_wave(monkeypatch):
    """All terminals are in the first wave."""
    monkeypatch.setattr(rollout_news, "bucket_of", lambda _salt, _device_id: 0)


@pytest.fixture
def release(tenant):
    return make_release(make_app(tenant.psp).public_id)


def wave_of(rollout, *, after_s):
    """The wave in which a rollout is that is led on so many seconds after it began; none when it is completed."""
    rollouts.advance_rollouts(now=rollout.created_at + seconds(after_s))
    with atomic(SEED):
        found = Rollout.objects.get(id=rollout.id)
    return found.wave if found.status == "active" else None


def install(tenant, rollout, terminal, *, after_s=0):
    report_update(
        scope=TenantScope(tenant.psp.id, tenant.merchant.id, (tenant.store.id,)),
        device_id=terminal.device_id,
        rollout_id=rollout.id,
        report=Report(status="installed"),
        now=rollout.created_at + seconds(after_s),
    )


def test_go_on_when_somebody_has_installed_the_release_in_each(tenant, terminal, release):
    other = make_terminal(tenant.store)
    rollout = make_rollout(release, shares=(1, 2, 10_000))
    assert wave_of(rollout, after_s=20) == 0
    assert wave_of(rollout, after_s=100 * SOAKED) == 0
    install(tenant, rollout, terminal)
    assert wave_of(rollout, after_s=100 * SOAKED) == 1
    with atomic(SEED):
        Rollout.objects.update(awaits_install=True)  # as if one of the two had been in the second wave
    assert wave_of(rollout, after_s=102 * SOAKED) == 1
    install(tenant, rollout, other)
    assert wave_of(rollout, after_s=102 * SOAKED) == 2
    assert wave_of(rollout, after_s=104 * SOAKED) is None


def test_wait_for_nobody_where_they_are_for_nobody(tenant, release):
    rollout = make_rollout(release, shares=(1, 10_000))
    assert wave_of(rollout, after_s=SOAKED - 60) == 0
    assert wave_of(rollout, after_s=SOAKED) == 1


def test_wait_for_nobody_who_cannot_or_need_not_install_it(tenant, release):
    """One has it, one says nothing any more, and none of them is on the channel."""
    first, second = make_terminal(tenant.store), make_terminal(tenant.store)
    earlier = make_rollout(release)
    install(tenant, earlier, first)
    rollouts.halt_rollout(scope=SEED, rollout_id=earlier.id, now=clock.now())
    heartbeats.record_heartbeat(scope=SEED, device_id=second.device_id, report={}, now=clock.now())
    with atomic(SEED):
        DeviceReport.objects.update(silent_since=clock.now())
    again = make_rollout(release, shares=(1, 10_000))
    assert wave_of(again, after_s=SOAKED) == 1
    rollouts.halt_rollout(scope=SEED, rollout_id=again.id, now=clock.now())
    make_terminal(tenant.store)
    daring = make_rollout(release, shares=(1, 10_000), channel="beta")
    assert wave_of(daring, after_s=SOAKED) == 1


def test_go_on_without_it_when_somebody_has_looked(tenant, terminal, release):
    rollout = make_rollout(release, shares=(1, 10_000))
    assert wave_of(rollout, after_s=SOAKED) == 0
    step = partial(dict, scope=SEED, rollout_id=rollout.id, now=rollout.created_at + seconds(SOAKED))
    rollouts.pause_rollout(**step())
    rollouts.resume_rollout(**step())
    assert wave_of(rollout, after_s=SOAKED + 1) == 0
    assert wave_of(rollout, after_s=2 * SOAKED) == 1


def test_are_announced_again_after_a_pause(tenant, terminal, release):
    rollout = make_rollout(release)
    wave_of(rollout, after_s=20)
    rollouts.pause_rollout(scope=SEED, rollout_id=rollout.id, now=clock.now())
    rollouts.resume_rollout(scope=SEED, rollout_id=rollout.id, now=clock.now())
    wave_of(rollout, after_s=40)
    assert len(published("portal.update_available")) == 2


def test_are_told_to_who_comes_when_its_turn_has_passed(tenant, release, monkeypatch):
    """A terminal that its vendor announced bears an id from long ago when it gets its store."""
    monkeypatch.setattr(rollout_news, "AT_A_TIME", 2)
    present = [make_terminal(tenant.store) for _ in range(3)]
    rollout = make_rollout(release)
    wave_of(rollout, after_s=15)
    late = make_terminal(tenant.store)
    with atomic(SEED):
        announced = Device.objects.get(id=late.device_id)
        announced.id = ids.uuid7(at=rollout.created_at - seconds(9e6))
        announced.serial_number, announced.key_id = "V", "V"
        announced.save(force_insert=True)
    for after_s in (30, 45):
        wave_of(rollout, after_s=after_s)
    told = [each["device_id"] for event in published("portal.update_available") for each in event["devices"]]
    assert set(told) == {each.client_id for each in [*present, late]} | {announced.public_id}
    assert all(told.count(each.client_id) == 1 for each in present)
