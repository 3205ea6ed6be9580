"""Rollouts: in which order terminals get a release, and when that stops by itself.

active <-> paused; both -> halted (final); active -> completed -> superseded by a later completed one (final)
"""

import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kernel.errors import FieldError, Invalid

BUCKETS = 10_000
MOST_WAVES = 20
CHANNEL = re.compile(r"[a-z][a-z0-9_-]{0,31}")
WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


class RolloutStatus(StrEnum):
    """Whether terminals are offered the release of a rollout."""

    ACTIVE = "active"  # offered to the terminals of the waves so far
    PAUSED = "paused"  # not offered for now
    HALTED = "halted"  # never offered again; by a person or by the health gate
    COMPLETED = "completed"  # offered to all that it is for, from now on
    SUPERSEDED = "superseded"  # a later rollout to the same terminals was completed


TRANSITIONS: dict[RolloutStatus, frozenset[RolloutStatus]] = {
    RolloutStatus.ACTIVE: frozenset({RolloutStatus.PAUSED, RolloutStatus.HALTED, RolloutStatus.COMPLETED}),
    RolloutStatus.PAUSED: frozenset({RolloutStatus.ACTIVE, RolloutStatus.HALTED}),
    RolloutStatus.HALTED: frozenset(),
    RolloutStatus.COMPLETED: frozenset({RolloutStatus.HALTED, RolloutStatus.SUPERSEDED}),
    RolloutStatus.SUPERSEDED: frozenset(),
}
OFFERED = frozenset({RolloutStatus.ACTIVE, RolloutStatus.COMPLETED})


class UpdateStatus(StrEnum):
    """How far a terminal has come with a release."""

    DOWNLOADED = "downloaded"
    INSTALLING = "installing"
    INSTALLED = "installed"
    FAILED = "failed"  # it may try again


UPDATE_TRANSITIONS: dict[UpdateStatus, frozenset[UpdateStatus]] = {
    UpdateStatus.DOWNLOADED: frozenset(
        {UpdateStatus.INSTALLING, UpdateStatus.INSTALLED, UpdateStatus.FAILED}
    ),
    UpdateStatus.INSTALLING: frozenset({UpdateStatus.INSTALLED, UpdateStatus.FAILED}),
    UpdateStatus.INSTALLED: frozenset(),
    UpdateStatus.FAILED: frozenset(
        {UpdateStatus.DOWNLOADED, UpdateStatus.INSTALLING, UpdateStatus.INSTALLED}
    ),
}


@dataclass(frozen=True, slots=True)
class Wave:
    """A share of the terminals in hundredths of a percent, and how long it is watched before the next wave."""

    basis_points: int
    soak_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """At what a rollout halts by itself. Shares are hundredths of a percent; below `min_sample` nothing is concluded."""

    max_failure_bp: int
    max_crash_bp: int
    min_payment_success_bp: int
    min_sample: int


@dataclass(frozen=True, slots=True)
class Health:
    """What became of a release on the terminals of a rollout. `crashed` counts terminals, not crashes."""

    downloaded: int = 0
    installing: int = 0
    installed: int = 0
    failed: int = 0
    crashed: int = 0
    payments_succeeded: int = 0
    payments_failed: int = 0


def bucket_of(salt: str, device_id: uuid.UUID) -> int:
    """Where a terminal stands in a rollout, from 0 to 9999: always the same, and in every rollout elsewhere."""
    digest = hashlib.sha256(f"{salt}:{device_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % BUCKETS


def find_fault(health: Health, gate: Gate) -> str | None:
    """Why a rollout must be halted, or None while there is no reason to."""
    tried = health.installed + health.failed
    if tried >= gate.min_sample and _share(health.failed, tried) > gate.max_failure_bp:
        return "install_failures"
    if health.installed >= gate.min_sample and _share(health.crashed, health.installed) > gate.max_crash_bp:
        return "crashes"
    payments = health.payments_succeeded + health.payments_failed
    succeeded = _share(health.payments_succeeded, payments) if payments else BUCKETS
    if payments >= gate.min_sample and succeeded < gate.min_payment_success_bp:
        return "payment_success"
    return None


def check_waves(waves: Sequence[Wave]) -> None:
    """Each wave must be larger than the one before, and the last one everybody. Raises Invalid."""
    shares = [wave.basis_points for wave in waves]
    if not shares or shares != sorted(set(shares)) or shares[-1] != BUCKETS:
        message = "Waves grow from one to the next, and the last one is everybody (10000)."
        raise Invalid(errors=[FieldError("waves", "waves_not_growing", message)])


def is_open(window: str, *, minute: int) -> bool:
    """Whether a minute of the day lies in a window such as `22:00-05:00`; without a window it always does."""
    match = WINDOW.fullmatch(window)
    if match is None:
        return True
    start, end = (int(match[at]) * 60 + int(match[at + 1]) for at in (1, 3))
    return start <= minute < end if start < end else minute >= start or minute < end


def _share(part: int, whole: int) -> int:
    """Hundredths of a percent, rounded down."""
    return part * BUCKETS // whole
