"""What the endpoints of apps, releases and rollouts answer."""

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Literal

from kernel import ids
from kernel.clock import rfc3339
from kernel.rest import Instant, View
from mpac.portal import conf
from mpac.portal.domain.rollouts import Health
from mpac.portal.models import App, AppRelease, DeviceUpdate, Rollout
from mpac.portal.models.app import PREFIX as APP
from mpac.portal.models.app import RELEASE
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.models.rollout import PREFIX as ROLLOUT
from mpac.portal.models.rollout import UPDATE
from mpac.portal.selectors.updates import Offer


class AppView(View, kw_only=True):
    """`version_code` is that of the last release, 0 before the first. Without `psp_id` it is the platform's."""

    id: str
    psp_id: int | None
    livemode: bool | None
    created_at: Instant
    updated_at: Instant
    package: str
    name: str
    channels: list[str]
    signers: list[str]
    version_code: int
    object: Literal["app"] = "app"


class ReleaseView(View, kw_only=True):
    """What was proved about the file: its package, who signed it by which scheme, its digest and size."""

    id: str
    app_id: str
    psp_id: int | None
    livemode: bool | None
    created_at: Instant
    package: str
    version_code: int
    version_name: str
    min_sdk: int
    signature_scheme: int
    signers: list[str]
    sha256: str
    size_bytes: int
    notes: str
    uploaded_by: str
    object: Literal["release"] = "release"


def app(found: App) -> AppView:
    """An app as it is shown."""
    return AppView(
        id=found.public_id,
        psp_id=found.psp_id,
        livemode=found.livemode,
        created_at=rfc3339(found.created_at),
        updated_at=rfc3339(found.updated_at),
        package=found.package,
        name=found.name,
        channels=found.channels,
        signers=found.signers,
        version_code=found.version_code,
    )


def release(found: AppRelease) -> ReleaseView:
    """A release, with the package of its app, as it is shown."""
    return ReleaseView(
        id=found.public_id,
        app_id=ids.encode(APP, found.app_id),
        psp_id=found.psp_id,
        livemode=found.livemode,
        created_at=rfc3339(found.created_at),
        package=found.app.package,
        version_code=found.version_code,
        version_name=found.version_name,
        min_sdk=found.min_sdk,
        signature_scheme=found.signature_scheme,
        signers=found.signers,
        sha256=found.sha256,
        size_bytes=found.size_bytes,
        notes=found.notes,
        uploaded_by=found.uploaded_by,
    )


class WaveView(View):
    basis_points: int
    soak_s: int


class GateView(View):
    max_failure_bp: int
    max_crash_bp: int
    min_payment_success_bp: int
    min_sample: int


class HealthView(View):
    """Terminals by how far they came; `crashed` are among the installed. Payments are those made on this release."""

    downloaded: int
    installing: int
    installed: int
    failed: int
    crashed: int
    payments_succeeded: int
    payments_failed: int


class RolloutView(View, kw_only=True):
    """`wave` counts from 0. `reason` says why it was halted or paused; `health` is told when one rollout is read."""

    id: str
    app_id: str
    release_id: str
    psp_id: int | None
    livemode: bool | None
    created_at: Instant
    updated_at: Instant
    package: str
    version_code: int
    channel: str
    status: str
    reason: str
    waves: list[WaveView]
    wave: int
    wave_at: Instant
    merchant_ids: list[int]
    store_ids: list[int]
    group_ids: list[str]
    window: str
    spares_open_bills: bool
    min_battery_percent: int
    needs_charging: bool
    needs_wifi: bool
    gate: GateView
    created_by: str
    health: HealthView | None
    object: Literal["rollout"] = "rollout"


class UpdateView(View, kw_only=True):
    """A release to install now. `id` is for the report of what became of it; `url` works until `expires_at`."""

    id: str
    created_at: Instant
    package: str
    version_code: int
    version_name: str
    notes: str
    sha256: str
    size_bytes: int
    signers: list[str]
    url: str
    expires_at: Instant
    object: Literal["update"] = "update"


class HeldView(View):
    """An app that gets nothing now, and why; `version_code` is what waits, if anything."""

    package: str
    version_code: int | None
    reason: str


class UpdatesView(View, kw_only=True):
    """What to install now, in this order."""

    id: str
    created_at: Instant
    data: list[UpdateView]
    held: list[HeldView]
    object: Literal["device_updates"] = "device_updates"


class DeviceUpdateView(View, kw_only=True):
    """How far a terminal has come with the release of a rollout."""

    id: str
    device_id: str
    rollout_id: str
    store_id: int
    created_at: Instant
    updated_at: Instant
    version_code: int
    status: str
    failure_code: str
    message: str
    crashes: int
    object: Literal["device_update"] = "device_update"


def rollout(found: Rollout, health: Health | None = None) -> RolloutView:
    """A rollout as it is shown."""
    return RolloutView(
        id=found.public_id,
        app_id=ids.encode(APP, found.app_id),
        release_id=ids.encode(RELEASE, found.release_id),
        psp_id=found.psp_id,
        livemode=found.livemode,
        created_at=rfc3339(found.created_at),
        updated_at=rfc3339(found.updated_at),
        package=found.app.package,
        version_code=found.release.version_code,
        channel=found.channel,
        status=found.status,
        reason=found.reason,
        waves=[WaveView(basis_points=each.basis_points, soak_s=each.soak_s) for each in found.all_waves],
        wave=found.wave,
        wave_at=rfc3339(found.wave_at),
        merchant_ids=found.merchant_ids,
        store_ids=found.store_ids,
        group_ids=found.group_ids,
        window=found.window,
        spares_open_bills=found.spares_open_bills,
        min_battery_percent=found.min_battery_percent,
        needs_charging=found.needs_charging,
        needs_wifi=found.needs_wifi,
        gate=GateView(**found.gate),
        created_by=found.created_by,
        health=None if health is None else HealthView(**asdict(health)),
    )


def updates(
    offers: Sequence[Offer], *, device_id: uuid.UUID, address: Callable[[AppRelease], str], now: dt.datetime
) -> UpdatesView:
    """What a terminal is offered, each with its address, and what is held back."""
    shown = UpdatesView(id=ids.encode(DEVICE, device_id), created_at=rfc3339(now), data=[], held=[])
    for offer in offers:
        found, candidate = offer.release, offer.decision.candidate
        if found is None or candidate is None or offer.decision.held is not None:
            waiting = None if candidate is None else candidate.version_code
            reason = str(offer.decision.held)
            shown.held.append(HeldView(package=offer.decision.package, version_code=waiting, reason=reason))
            continue
        shown.data.append(
            UpdateView(
                id=ids.encode(ROLLOUT, candidate.rollout_id),
                created_at=rfc3339(found.created_at),
                package=candidate.package,
                version_code=found.version_code,
                version_name=found.version_name,
                notes=found.notes,
                sha256=found.sha256,
                size_bytes=found.size_bytes,
                signers=found.signers,
                url=address(found),
                expires_at=rfc3339(now + dt.timedelta(seconds=conf.DOWNLOAD_TTL_S)),
            )
        )
    return shown


def device_update(found: DeviceUpdate) -> DeviceUpdateView:
    """A terminal's progress as it is shown."""
    return DeviceUpdateView(
        id=ids.encode(UPDATE, found.id),
        device_id=ids.encode(DEVICE, found.device_id),
        rollout_id=ids.encode(ROLLOUT, found.rollout_id),
        store_id=found.store_id,
        created_at=rfc3339(found.created_at),
        updated_at=rfc3339(found.updated_at),
        version_code=found.version_code,
        status=found.status,
        failure_code=found.failure_code,
        message=found.message,
        crashes=found.crashes,
    )
