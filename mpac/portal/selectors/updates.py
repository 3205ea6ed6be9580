"""What a terminal should install now: read in the terminal's own scope, by a handful of look-ups by key."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from kernel import ids
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.domain.rollouts import Health
from mpac.portal.domain.updates import Candidate, Decision, Terminal, decide
from mpac.portal.models import AppRelease, Device, DeviceGroup, DeviceUpdate, Rollout
from mpac.portal.models.device_group import PREFIX as GROUP
from mpac.portal.selectors.device_groups import devices_in, groups_of
from mpac.portal.selectors.devices import get_device
from mpac.portal.selectors.known import Known, read_known

HEALTH = """
    SELECT count(*) FILTER (WHERE status = 'downloaded'), count(*) FILTER (WHERE status = 'installing'),
           count(*) FILTER (WHERE status = 'installed'), count(*) FILTER (WHERE status = 'failed'),
           count(*) FILTER (WHERE crashes > 0),
           coalesce(sum(payments_succeeded), 0), coalesce(sum(payments_failed), 0)
    FROM device_updates WHERE rollout_id = %s
"""
HasOpenBills = Callable[[TenantScope, int, dt.datetime], bool]
_questions: dict[str, HasOpenBills] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a terminal says of itself when it asks."""

    installed: Mapping[str, int]
    sdk: int | None = None
    battery_percent: int | None = None
    charging: bool | None = None
    wifi: bool | None = None
    open_bills: int | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A decision, with the release where there is one to install."""

    decision: Decision
    release: AppRelease | None


def ask_before_updates(name: str, question: HasOpenBills) -> None:
    """Have `question` asked whether a store is too busy; who knows it is above portal."""
    _questions[name] = question


def check_for_updates(
    *,
    scope: TenantScope,
    device_id: uuid.UUID,
    told: Told,
    known: Known | None = None,
    now: dt.datetime,
) -> list[Offer]:
    """What this terminal should install, or why nothing, for each app; `known` saves who has just read it the reading.
    Raises NotFound.
    """
    known = known or read_known(scope=scope, device_id=device_id, now=now)
    if not known.candidates:
        return []
    candidates = [candidate for candidate, _release in known.candidates]
    grouped = any(candidate.group_ids for candidate in candidates)
    terminal = _terminal(scope, device_id, told, known, grouped=grouped)
    releases = {release.id: release for _candidate, release in known.candidates}

    def has_open_bills() -> bool:
        return bool(told.open_bills) or any(ask(scope, terminal.store_id, now) for ask in _questions.values())

    decisions = decide(terminal, candidates, now=now, has_open_bills=has_open_bills)
    return [
        Offer(each, None if each.candidate is None else releases[each.candidate.release_id])
        for each in decisions
    ]


def describe_terminal(
    *, scope: TenantScope, device_id: uuid.UUID, rollout: Rollout, now: dt.datetime
) -> Terminal:
    """A terminal as a rollout sees it. Raises NotFound."""
    known = read_known(scope=scope, device_id=device_id, now=now)
    return _terminal(scope, device_id, Told(installed={}), known, grouped=bool(rollout.group_ids))


def candidate_of(rollout: Rollout) -> Candidate:
    """A rollout as far as it decides about a terminal."""
    return Candidate(
        rollout_id=rollout.id,
        release_id=rollout.release_id,
        package=rollout.app.package,
        version_code=rollout.release.version_code,
        min_sdk=rollout.release.min_sdk,
        channel=rollout.channel,
        channels=rollout.app.channels,
        status=rollout.status,
        livemode=rollout.livemode,
        salt=rollout.salt,
        share=rollout.all_waves[rollout.wave].basis_points,
        merchant_ids=rollout.merchant_ids,
        store_ids=rollout.store_ids,
        group_ids=rollout.group_ids,
        window=rollout.window,
        spares_open_bills=rollout.spares_open_bills,
        min_battery_percent=rollout.min_battery_percent,
        needs_charging=rollout.needs_charging,
        needs_wifi=rollout.needs_wifi,
    )


def get_health(*, rollout_id: uuid.UUID) -> Health:
    """What became of a release on the terminals of a rollout, in the scope of the open transaction."""
    ((*counts,),) = db.execute(HEALTH, [rollout_id])
    return Health(*map(int, counts))


def list_progress(*, rollout_id: uuid.UUID, status: str | None = None) -> "QuerySet[DeviceUpdate]":
    """How far terminals have come with a rollout, in the scope of the open transaction."""
    found: QuerySet[DeviceUpdate] = DeviceUpdate.objects.filter(rollout_id=rollout_id)
    return found if status is None else found.filter(status=status)


def list_targets(rollout: Rollout) -> "QuerySet[Device]":
    """The active terminals that a rollout is for, whatever their channels, in the order of their ids; in the scope of the
    open transaction.
    """
    found: QuerySet[Device] = Device.objects.filter(status=DeviceStatus.ACTIVE).order_by("id")
    for column, value in (("psp_id", rollout.psp_id), ("livemode", rollout.livemode)):
        if value is not None:
            found = found.filter(**{column: value})
    if rollout.merchant_ids:
        found = found.filter(merchant_id__in=rollout.merchant_ids)
    if rollout.store_ids:
        found = found.filter(store_id__in=rollout.store_ids)
    if rollout.group_ids:
        groups = DeviceGroup.objects.filter(id__in=[ids.decode(GROUP, name) for name in rollout.group_ids])
        belonging = Q(pk__in=[])
        for group in groups:
            belonging |= Q(id__in=devices_in(group).values("id"))
        found = found.filter(belonging)
    return found


def _terminal(
    scope: TenantScope,
    device_id: uuid.UUID,
    told: Told,
    known: Known,
    *,
    grouped: bool,
) -> Terminal:
    """A terminal, with its groups where they matter."""
    standing, settings = known.standing, known.settings
    groups = _list_groups(scope, device_id) if grouped else frozenset()
    return Terminal(
        device_id=device_id,
        merchant_id=standing.merchant_id,
        store_id=standing.store_id,
        livemode=standing.livemode,
        time_zone=standing.time_zone,
        channel=settings["updates.channel"].value,
        window=settings["fleet.maintenance_window"].value,
        automatic=settings["updates.automatic"].value,
        groups=groups,
        installed={
            package: max(told.installed.get(package, 0), standing.installed.get(package, 0))
            for package in {*told.installed, *standing.installed}
        },
        sdk=told.sdk,
        battery_percent=told.battery_percent,
        charging=told.charging,
        wifi=told.wifi,
        asked=told.asked,
    )


def _list_groups(scope: TenantScope, device_id: uuid.UUID) -> frozenset[str]:
    with atomic(scope):
        device = get_device(scope=scope, device_id=device_id)
        return frozenset(group.public_id for group in groups_of(device))
