"""Telling terminals of the waves of a rollout: a thousand at a time, in the order of their ids."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db.models import Q

from kernel.outbox import publish
from mpac.portal.db import db
from mpac.portal.domain.rollouts import UpdateStatus, bucket_of
from mpac.portal.domain.updates import gets_channel
from mpac.portal.events import UpdateAvailable
from mpac.portal.models import Device, DeviceReport, DeviceUpdate, Rollout
from mpac.portal.selectors.settings import explain_device
from mpac.portal.selectors.updates import list_targets

AT_A_TIME = 1000
FIRST = uuid.UUID(int=0)


def announce_wave(rollout: Rollout, *, now: dt.datetime) -> int:
    """Tell the next terminals of a wave that has begun, in the transaction in which the rollout is locked; returns 1 if there
    were any to look at.

    A terminal may come into reach when its turn has passed: one that its vendor announced has its id long before its store.
    Who has changed since the rollout began is looked at again in the end, and perhaps told twice.
    """
    if rollout.announced_waves > rollout.wave:
        return 0
    begin = rollout.all_waves[rollout.announced_waves - 1].basis_points if rollout.announced_waves else 0
    share = rollout.all_waves[rollout.announced_waves].basis_points
    targets = list_targets(rollout)
    devices = list(targets.filter(id__gt=rollout.announced_to or FIRST)[:AT_A_TIME])
    is_last = len(devices) < AT_A_TIME
    if is_last and rollout.announced_to is not None:
        devices += targets.filter(id__lte=rollout.announced_to, updated_at__gte=rollout.created_at)
    reached = [each for each in devices if begin <= bucket_of(rollout.salt, each.id) < share]
    for first in range(0, len(reached), AT_A_TIME):
        _tell(rollout, reached[first : first + AT_A_TIME], now=now)
    if is_last:
        rollout.announced_waves, rollout.announced_to = rollout.announced_waves + 1, None
    else:
        rollout.announced_to = devices[-1].id
    rollout.awaits_install = rollout.awaits_install or _will_install(rollout, reached)
    rollout.save(update_fields=["announced_waves", "announced_to", "awaits_install"])
    return 1


def _will_install(rollout: Rollout, reached: Sequence[Device]) -> bool:
    """Whether any of these is going to: it is heard of, on a channel that gets the release, and does not have it yet."""
    app, version_code = rollout.app, rollout.release.version_code
    on_it = [each.id for each in reached]
    installed = DeviceUpdate.objects.filter(
        device_id__in=on_it, app_id=app.id, status=UpdateStatus.INSTALLED, version_code__gte=version_code
    )
    reports = DeviceReport.objects.filter(device_id__in=on_it).filter(
        Q(silent_since__isnull=False)
        | Q(report__app__package=app.package, app_version_code__gte=version_code)
    )
    without = set(installed.values_list("device_id", flat=True)) | set(reports.values_list("pk", flat=True))
    able = (each for each in on_it if each not in without)
    if rollout.channel == app.channels[0]:  # which every terminal gets
        return any(True for _ in able)
    return any(_is_on_channel(rollout, device_id) for device_id in able)


def _is_on_channel(rollout: Rollout, device_id: uuid.UUID) -> bool:
    own = explain_device(device_id=device_id)["updates.channel"].value
    return gets_channel(own, rollout.channel, channels=rollout.app.channels)


def _tell(rollout: Rollout, devices: Sequence[Device], *, now: dt.datetime) -> None:
    event = UpdateAvailable(
        aggregate_id=rollout.public_id,
        psp_id=rollout.psp_id,
        rollout_id=rollout.public_id,
        devices=[_where(each) for each in devices],
        package=rollout.app.package,
        version_code=rollout.release.version_code,
    )
    publish(db, event, now=now)


def _where(device: Device) -> dict[str, object]:
    return {
        "device_id": device.public_id,
        "psp_id": device.psp_id,
        "merchant_id": device.merchant_id,
        "store_id": device.store_id,
    }
