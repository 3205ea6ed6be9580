"""What waits for a terminal: the answer to its heartbeat tells it what to fetch."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernel.tenancy import TenantScope
from mpac.portal.domain.settings import Effective
from mpac.portal.selectors.known import read_known
from mpac.portal.selectors.updates import Told, check_for_updates


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What waits for a terminal."""

    settings: dict[str, Effective]
    commands_waiting: int
    update_waiting: bool


def get_pending(
    *, scope: TenantScope, device_id: uuid.UUID, report: Mapping[str, Any], now: dt.datetime
) -> Pending:
    """What waits for a terminal that says this about itself: its settings as they are, commands that it has not ended, and
    whether there is a release that it should install now. Raises NotFound.
    """
    known = read_known(scope=scope, device_id=device_id, now=now)
    offers = check_for_updates(scope=scope, device_id=device_id, told=told_by(report), known=known, now=now)
    return Pending(
        settings=known.settings,
        commands_waiting=known.commands_waiting,
        update_waiting=any(offer.release is not None for offer in offers),
    )


def told_by(report: Mapping[str, Any]) -> Told:
    """What a report says that decides about updates."""
    battery, network = report.get("battery", {}), report.get("network", {})
    apps = [*report.get("apps", []), report.get("app", {})]
    return Told(
        installed={
            app["package"]: app["version_code"] for app in apps if app.get("version_code") is not None
        },
        battery_percent=battery.get("percent"),
        charging=battery.get("charging"),
        wifi=network["type"] == "wifi" if network else None,
    )
