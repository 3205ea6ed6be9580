"""What a terminal should install now, decided from what is known of it and of the rollouts that it may see. Never a downgrade:
a release is offered only to a terminal whose own version is known and lower.
"""

import datetime as dt
import uuid
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mpac.portal.domain.rollouts import OFFERED, RolloutStatus, bucket_of, is_open

ANY_TIME, MAINTENANCE = "any", "maintenance"


class Held(StrEnum):
    """Why something newer is not offered now."""

    UP_TO_DATE = "up_to_date"  # nothing newer is on its way to this terminal
    VERSION_UNKNOWN = "version_unknown"  # what it runs is not known, so that anything could be a downgrade
    WAVE = "wave"  # its turn has not come
    PAUSED = "paused"  # the rollout waits for a person
    ANDROID = "android_version"  # too old, or not told
    SWITCHED_OFF = "automatic_updates_off"  # its settings say so, and nobody asked
    WINDOW = "window"  # not at this time of day
    OPEN_BILLS = "open_bills"  # the store is busy
    BATTERY = "battery"  # too low, or not told
    CHARGING = "charging"  # not on power, or not told
    WIFI = "wifi"  # not on Wi-Fi, or not told


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What is known of a terminal. `installed` holds version codes by package; None is what it did not tell.

    `asked` means that a person at the terminal waits for it: then any time of day will do.
    """

    device_id: uuid.UUID
    merchant_id: int
    store_id: int
    livemode: bool
    time_zone: str
    channel: str
    window: str
    automatic: bool
    groups: frozenset[str]
    installed: Mapping[str, int]
    sdk: int | None = None
    battery_percent: int | None = None
    charging: bool | None = None
    wifi: bool | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A rollout as far as it decides about a terminal. `share` is that of the waves so far, in hundredths of a percent."""

    rollout_id: uuid.UUID
    release_id: uuid.UUID
    package: str
    version_code: int
    min_sdk: int
    channel: str
    channels: Sequence[str]
    status: str
    livemode: bool | None
    salt: str
    share: int
    merchant_ids: Sequence[int]
    store_ids: Sequence[int]
    group_ids: Sequence[str]
    window: str
    spares_open_bills: bool
    min_battery_percent: int
    needs_charging: bool
    needs_wifi: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """About one app: `candidate` is what there is to install, and `held` why not now; both None never happens."""

    package: str
    candidate: Candidate | None
    held: Held | None


def decide(
    terminal: Terminal,
    candidates: Sequence[Candidate],
    *,
    now: dt.datetime,
    has_open_bills: Callable[[], bool],
) -> list[Decision]:
    """One decision for each app that a rollout is meant to bring to this terminal, by package."""
    by_package: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if is_meant(candidate, terminal):
            by_package.setdefault(candidate.package, []).append(candidate)
    return [
        _decide(package, terminal, found, now, has_open_bills)
        for package, found in sorted(by_package.items())
    ]


def is_meant(candidate: Candidate, terminal: Terminal) -> bool:
    """Whether a rollout is for this terminal, sooner or later: its mode, its channel, and where it stands."""
    return (
        candidate.livemode in {None, terminal.livemode}
        and gets_channel(terminal.channel, candidate.channel, channels=candidate.channels)
        and (not candidate.merchant_ids or terminal.merchant_id in candidate.merchant_ids)
        and (not candidate.store_ids or terminal.store_id in candidate.store_ids)
        and (not candidate.group_ids or bool(terminal.groups & set(candidate.group_ids)))
    )


def gets_channel(own: str, wanted: str, *, channels: Sequence[str]) -> bool:
    """Whether a terminal on the channel `own` gets what is on `wanted`, of an app's channels from careful to daring. On one
    that the app does not have it gets the most careful alone.
    """
    rank = channels.index(own) if own in channels else 0
    return wanted in channels[: rank + 1]


def _decide(
    package: str,
    terminal: Terminal,
    candidates: Sequence[Candidate],
    now: dt.datetime,
    has_open_bills: Callable[[], bool],
) -> Decision:
    """The highest version whose turn has come, or why there is none."""
    installed = terminal.installed.get(package)
    if installed is None:
        return Decision(package, None, Held.VERSION_UNKNOWN)
    newer = [each for each in candidates if each.version_code > installed]
    if not newer:
        return Decision(package, None, Held.UP_TO_DATE)
    due = [each for each in newer if each.status in OFFERED and _has_turn(each, terminal)]
    if not due:
        paused = any(each.status == RolloutStatus.PAUSED for each in newer)
        return Decision(package, None, Held.PAUSED if paused else Held.WAVE)
    best = max(due, key=lambda each: each.version_code)
    held = _find_obstacle(best, terminal, now)
    if held is None and best.spares_open_bills and has_open_bills():
        held = Held.OPEN_BILLS
    return Decision(package, best, held)


def _has_turn(candidate: Candidate, terminal: Terminal) -> bool:
    if candidate.status == RolloutStatus.COMPLETED:
        return True
    return bucket_of(candidate.salt, terminal.device_id) < candidate.share


def _find_obstacle(candidate: Candidate, terminal: Terminal, now: dt.datetime) -> Held | None:
    """The first condition that the terminal does not meet; what it did not tell is not met."""
    conditions = (
        (Held.ANDROID, terminal.sdk is not None and terminal.sdk >= candidate.min_sdk),
        (Held.SWITCHED_OFF, terminal.asked or terminal.automatic),
        (Held.WINDOW, terminal.asked or _is_time(candidate, terminal, now)),
        (
            Held.BATTERY,
            not candidate.min_battery_percent
            or bool(terminal.charging)
            or (terminal.battery_percent or 0) >= candidate.min_battery_percent,
        ),
        (Held.CHARGING, not candidate.needs_charging or bool(terminal.charging)),
        (Held.WIFI, not candidate.needs_wifi or bool(terminal.wifi)),
    )
    return next((held for held, met in conditions if not met), None)


def _is_time(candidate: Candidate, terminal: Terminal, now: dt.datetime) -> bool:
    """Whether the window is open where the store is."""
    if candidate.window == ANY_TIME:
        return True
    local = now.astimezone(zoneinfo.ZoneInfo(terminal.time_zone))
    window = terminal.window if candidate.window == MAINTENANCE else candidate.window
    return is_open(window, minute=local.hour * 60 + local.minute)
