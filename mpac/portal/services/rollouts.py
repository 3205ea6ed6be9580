"""Rollouts: started and steered by people, led on wave by wave by a job, halted by either.

A wave ends when all of it were told, its time is over, and one of them has installed the release since it began: nobody's
health says anything of a release that nobody runs. Where it is for nobody who could, it does not wait; and pausing and
resuming it lets it go on.
"""

import datetime as dt
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import IntegrityError
from django.db.models import F, Q

from kernel import ids
from kernel.audit import record, state
from kernel.errors import FieldError, Invalid, NotFound
from kernel.logs import get_logger
from kernel.origin import origin
from kernel.outbox import publish
from kernel.tenancy import Scope, SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.rollouts import (
    TRANSITIONS,
    Gate,
    RolloutStatus,
    Wave,
    check_waves,
    find_fault,
)
from mpac.portal.errors import IllegalTransition, RolloutUnderWay
from mpac.portal.events import RolloutChanged
from mpac.portal.models import AppRelease, DeviceGroup, Merchant, Rollout, Store
from mpac.portal.models.device_group import PREFIX as GROUP
from mpac.portal.models.rollout import PREFIX
from mpac.portal.selectors.apps import check_steered_by, get_release, get_rollout
from mpac.portal.selectors.updates import get_health
from mpac.portal.services.rollout_news import announce_wave

logger = get_logger(__name__)

UPKEEP = SystemScope("upkeep")
NEWS = ("announced_waves", "announced_to", "installed_before")
SOMEBODY_LOOKED = -1  # fewer than have ever installed it
ACTIONS = {
    RolloutStatus.ACTIVE: "rollout.resumed",
    RolloutStatus.PAUSED: "rollout.paused",
    RolloutStatus.HALTED: "rollout.halted",
    RolloutStatus.COMPLETED: "rollout.completed",
    RolloutStatus.SUPERSEDED: "rollout.superseded",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRollout:
    """A rollout to be started; empty lists mean everybody. `group_ids` are public identifiers."""

    release_id: uuid.UUID
    channel: str
    waves: Sequence[Wave]
    gate: Gate
    merchant_ids: Sequence[int] = ()
    store_ids: Sequence[int] = ()
    group_ids: Sequence[str] = ()
    window: str = "maintenance"
    spares_open_bills: bool = True
    min_battery_percent: int = 0
    needs_charging: bool = False
    needs_wifi: bool = False


def start_rollout(*, scope: Scope, wanted: NewRollout, now: dt.datetime) -> Rollout:
    """Begin with the first wave. Raises NotFound, Forbidden, Invalid and RolloutUnderWay."""
    check_waves(wanted.waves)
    with atomic(scope):
        release = get_release(scope=scope, release_id=wanted.release_id)
        check_steered_by(scope, release)
        if wanted.channel not in release.app.channels:
            message = f"The app's channels are {', '.join(release.app.channels)}."
            raise Invalid(errors=[FieldError("channel", "unknown_channel", message)])
        _check_targets(release, wanted)
        rollout = Rollout(
            psp_id=release.psp_id,
            livemode=release.livemode,
            app=release.app,
            release=release,
            channel=wanted.channel,
            salt=secrets.token_hex(8),
            waves=[asdict(wave) for wave in wanted.waves],
            wave_at=now,
            merchant_ids=sorted(set(wanted.merchant_ids)),
            store_ids=sorted(set(wanted.store_ids)),
            group_ids=sorted(set(wanted.group_ids)),
            window=wanted.window,
            spares_open_bills=wanted.spares_open_bills,
            min_battery_percent=wanted.min_battery_percent,
            needs_charging=wanted.needs_charging,
            needs_wifi=wanted.needs_wifi,
            gate=asdict(wanted.gate),
            created_by=origin().id,
            updated_at=now,
        )
        try:
            rollout.save(force_insert=True)
        except IntegrityError as error:
            if "portal_rollout_live" in str(error):
                raise RolloutUnderWay from None
            raise
        _tell(rollout, now=now)
        record(db, "rollout.started", rollout, now=now)
    return rollout


def pause_rollout(*, scope: Scope, rollout_id: uuid.UUID, reason: str = "", now: dt.datetime) -> Rollout:
    """Offer it to nobody for now. Raises NotFound, Forbidden and IllegalTransition."""
    return _steer(RolloutStatus.PAUSED, scope=scope, rollout_id=rollout_id, reason=reason, now=now)


def resume_rollout(*, scope: Scope, rollout_id: uuid.UUID, reason: str = "", now: dt.datetime) -> Rollout:
    """Go on where it was paused; the wave is watched anew, and ends then although nobody has installed it.

    Raises NotFound, Forbidden and IllegalTransition.
    """
    return _steer(RolloutStatus.ACTIVE, scope=scope, rollout_id=rollout_id, reason=reason, now=now)


def halt_rollout(*, scope: Scope, rollout_id: uuid.UUID, reason: str = "", now: dt.datetime) -> Rollout:
    """Never offer it again. Raises NotFound, Forbidden and IllegalTransition."""
    return _steer(RolloutStatus.HALTED, scope=scope, rollout_id=rollout_id, reason=reason, now=now)


def complete_rollout(*, scope: Scope, rollout_id: uuid.UUID, reason: str = "", now: dt.datetime) -> Rollout:
    """Offer it to all that it is for, whatever wave it was in. Raises NotFound, Forbidden and IllegalTransition."""
    return _steer(RolloutStatus.COMPLETED, scope=scope, rollout_id=rollout_id, reason=reason, now=now)


def advance_rollouts(*, now: dt.datetime) -> int:
    """Halt what is ill, begin the waves that are due, and tell terminals of theirs; returns how many steps were taken."""
    with atomic(UPKEEP):
        due = Q(status=RolloutStatus.ACTIVE) | Q(
            status=RolloutStatus.COMPLETED, announced_waves__lte=F("wave")
        )
        found = list(Rollout.objects.filter(due).values_list("id", flat=True))
    return sum(_try_to_advance(rollout_id, now) for rollout_id in found)


def _try_to_advance(rollout_id: uuid.UUID, now: dt.datetime) -> int:
    """One step of one rollout; what keeps it from going on keeps no other from being halted."""
    try:
        return _advance(rollout_id, now)
    except Exception:
        logger.exception("a rollout could not go on", rollout=ids.encode(PREFIX, rollout_id))
        return 0


def _advance(rollout_id: uuid.UUID, now: dt.datetime) -> int:
    """One step of one rollout, unless somebody else is at it."""
    with atomic(UPKEEP):
        rollout: Rollout | None = (
            Rollout.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("app", "release")
            .filter(id=rollout_id)
            .first()
        )
        if rollout is None:
            return 0
        if rollout.status == RolloutStatus.ACTIVE:
            fault = find_fault(get_health(rollout_id=rollout.id), rollout.thresholds)
            if fault is not None:
                _move(rollout, RolloutStatus.HALTED, reason=fault, now=now)
                return 1
        told = announce_wave(rollout, now=now)
        if rollout.status == RolloutStatus.ACTIVE and rollout.is_soaked(now):
            return _end_wave(rollout, now=now) or told
        return told


def _end_wave(rollout: Rollout, *, now: dt.datetime) -> int:
    """Begin the next wave, or complete the rollout after the last; 0 when this one has to go on."""
    if rollout.wave == len(rollout.waves) - 1:
        _move(rollout, RolloutStatus.COMPLETED, reason="", now=now)
        return 1
    installed = get_health(rollout_id=rollout.id).installed
    if not rollout.is_tried(installed):
        return 0
    _begin_wave(rollout, installed=installed, now=now)
    return 1


def _begin_wave(rollout: Rollout, *, installed: int, now: dt.datetime) -> None:
    before = state(rollout)
    rollout.wave += 1
    rollout.wave_at = rollout.updated_at = now
    rollout.awaits_install, rollout.installed_before = False, installed
    rollout.save(update_fields=["wave", "wave_at", "updated_at", "awaits_install", "installed_before"])
    _tell(rollout, now=now)
    record(db, "rollout.wave_begun", rollout, before=before, now=now)


def _steer(
    target: RolloutStatus, *, scope: Scope, rollout_id: uuid.UUID, reason: str, now: dt.datetime
) -> Rollout:
    with atomic(scope):
        rollout = get_rollout(scope=scope, rollout_id=rollout_id)
        check_steered_by(scope, rollout)
        locked: Rollout = (
            Rollout.objects.select_for_update(of=("self",))
            .select_related("app", "release")
            .get(id=rollout.id)
        )
        if target not in TRANSITIONS[RolloutStatus(locked.status)]:
            allowed = TRANSITIONS[RolloutStatus(locked.status)] - {RolloutStatus.SUPERSEDED}
            raise IllegalTransition(allowed=list(allowed))
        _move(locked, target, reason=reason, now=now)
        return locked


def _move(rollout: Rollout, target: RolloutStatus, *, reason: str, now: dt.datetime) -> None:
    """A step of a locked rollout, with its event and its record. What it completes makes earlier ones of no use."""
    before = state(rollout)
    rollout.status, rollout.reason, rollout.updated_at = target, reason, now
    if target is RolloutStatus.COMPLETED:
        rollout.wave, rollout.wave_at = len(rollout.waves) - 1, now
    if target is RolloutStatus.ACTIVE:  # while it was paused nobody could see whether the wave does harm
        rollout.wave_at = now
        # Whoever asked meanwhile was turned away, so all are told again; and somebody has looked at why nobody installs it.
        rollout.announced_waves, rollout.announced_to = min(rollout.announced_waves, rollout.wave), None
        rollout.installed_before = SOMEBODY_LOOKED
    rollout.save(update_fields=["status", "reason", "wave", "wave_at", "updated_at", *NEWS])
    _tell(rollout, now=now)
    record(db, ACTIONS[target], rollout, before=before, reason=reason, now=now)
    if target is RolloutStatus.COMPLETED and not (
        rollout.merchant_ids or rollout.store_ids or rollout.group_ids
    ):
        earlier_ones = Rollout.objects.select_related("app", "release").filter(
            app_id=rollout.app_id,
            channel=rollout.channel,
            status=RolloutStatus.COMPLETED,
            release__version_code__lte=rollout.release.version_code,
        )
        # Locked, for somebody may be halting one of them.
        for earlier in earlier_ones.select_for_update(of=("self",)).order_by("id"):
            if earlier.id != rollout.id:
                _move(earlier, RolloutStatus.SUPERSEDED, reason="", now=now)


def _check_targets(release: AppRelease, wanted: NewRollout) -> None:
    """Everything that is named must be the owner's. Raises NotFound."""
    owned: dict[str, Any] = {} if release.psp_id is None else {"psp_id": release.psp_id}
    groups = [ids.decode(GROUP, name) for name in wanted.group_ids]
    for model, named in ((Merchant, wanted.merchant_ids), (Store, wanted.store_ids), (DeviceGroup, groups)):
        if named and model.objects.filter(id__in=named, **owned).count() != len(set(named)):
            raise NotFound


def _tell(rollout: Rollout, *, now: dt.datetime) -> None:
    event = RolloutChanged(
        aggregate_id=rollout.public_id,
        psp_id=rollout.psp_id,
        rollout_id=rollout.public_id,
        app_id=rollout.app.public_id,
        version_code=rollout.release.version_code,
        status=rollout.status,
        wave=rollout.wave,
        reason=rollout.reason,
        livemode=rollout.livemode,
    )
    publish(db, event, now=now)
