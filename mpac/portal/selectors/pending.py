"""What waits for a terminal: the answer to its heartbeat tells it what to fetch."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernel.tenancy import TenantScope
from mpac.portal.db import db
from mpac.portal.domain.commands import OPEN
from mpac.portal.domain.settings import Effective
from mpac.portal.selectors.settings import read_config
from mpac.portal.selectors.updates import Told, check_for_updates

COUNT_OPEN = """
    SELECT count(*) FROM commands
    WHERE psp_id = %(psp_id)s AND device_id = %(device_id)s AND status = ANY(%(open)s) AND expires_at > %(now)s
"""
OPEN_NAMES = sorted(status.value for status in OPEN)


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
    settings = read_config(scope=scope, device_id=device_id)
    values = {"psp_id": scope.psp_id, "device_id": device_id, "open": OPEN_NAMES, "now": now}
    ((commands_waiting,),) = db.execute_alone(scope, COUNT_OPEN, values)
    offers = check_for_updates(
        scope=scope, device_id=device_id, told=told_by(report), settings=settings, now=now
    )
    return Pending(
        settings=settings,
        commands_waiting=commands_waiting,
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
