"""What a terminal's report comes to: the figures that lists, alarms and dashboards look at."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

LOW_BATTERY_PERCENT = 15
# Printers that print.
GOOD_PRINTERS = frozenset({"", "ok", "absent"})
MAX_DRIFT_MS = 30_000


def figures_of(report: Mapping[str, Any], *, now: dt.datetime) -> dict[str, Any]:
    """The columns of a report that arrives now. What the terminal does not say is empty."""
    app, battery, unsent = (report.get(part) or {} for part in ("app", "battery", "unsent"))
    sent_at = report.get("sent_at")
    return {
        "app_version": app.get("version", ""),
        "app_version_code": app.get("version_code"),
        "os_version": (report.get("os") or {}).get("version", ""),
        "battery_percent": battery.get("percent"),
        "is_charging": battery.get("charging"),
        "printer": (report.get("printer") or {}).get("status", ""),
        "network": (report.get("network") or {}).get("type", ""),
        "unsent_records": unsent.get("records"),
        "last_sequence": unsent.get("last_sequence"),
        "clock_drift_ms": None if sent_at is None else round((sent_at - now).total_seconds() * 1000),
    }
