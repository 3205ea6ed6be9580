"""How a fleet is: who is online, who is silent, what fails, and which versions of the app are out there."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from mpac.portal import conf
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.domain.reports import GOOD_PRINTERS, LOW_BATTERY_PERCENT, MAX_DRIFT_MS
from mpac.portal.models import Device, DeviceReport

VERSIONS_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetHealth:
    """Counts of active terminals. `versions` are those of the app, the most common first; what is left is `others`."""

    active: int
    online: int
    silent: int
    low_battery: int
    printer_failing: int
    clock_wrong: int
    unsent: int
    versions: tuple[tuple[str, int], ...]
    others: int

    @property
    def offline(self) -> int:
        """Active terminals that have not reported lately, or never."""
        return self.active - self.online


def get_fleet_health(*, now: dt.datetime) -> FleetHealth:
    """The fleet of the open transaction's scope, by two passes over the last reports."""
    reports: QuerySet[DeviceReport] = DeviceReport.objects.filter(device__status=DeviceStatus.ACTIVE)
    since = now - dt.timedelta(seconds=conf.ONLINE_WITHIN_S)
    drifts = Q(clock_drift_ms__gt=MAX_DRIFT_MS) | Q(clock_drift_ms__lt=-MAX_DRIFT_MS)
    counts = reports.aggregate(
        online=Count("pk", filter=Q(received_at__gt=since)),
        silent=Count("pk", filter=Q(silent_since__isnull=False)),
        low_battery=Count("pk", filter=Q(battery_percent__lte=LOW_BATTERY_PERCENT) & ~Q(is_charging=True)),
        printer_failing=Count("pk", filter=~Q(printer__in=GOOD_PRINTERS)),
        clock_wrong=Count("pk", filter=drifts),
        unsent=Count("pk", filter=Q(unsent_records__gt=0)),
    )
    versions = list(
        reports.exclude(app_version="")
        .values_list("app_version")
        .annotate(terminals=Count("pk"))
        .order_by("-terminals", "app_version")
    )
    return FleetHealth(
        active=Device.objects.filter(status=DeviceStatus.ACTIVE).count(),
        versions=tuple(versions[:VERSIONS_SHOWN]),
        others=sum(count for _version, count in versions[VERSIONS_SHOWN:]),
        **counts,
    )
