"""What terminals ask and tell about their apps."""

import uuid

from kernel import ids
from kernel.errors import NotFound
from kernel.rest import Endpoint, Request, operation
from mpac.portal.db import db
from mpac.portal.models.rollout import PREFIX as ROLLOUT
from mpac.portal.rest import app_views as views
from mpac.portal.rest.app_bodies import CheckForUpdates, ReportResult
from mpac.portal.rest.app_views import DeviceUpdateView, UpdatesView
from mpac.portal.selectors.updates import Told, check_for_updates
from mpac.portal.services.downloads import download_address
from mpac.portal.services.updates import Report, report_update


class OwnUpdatesEndpoint(Endpoint):
    """What the calling terminal should install."""

    callers = frozenset({"device"})
    db = db

    @operation(
        "updates.check",
        summary="Ask what to install now; what is held back says why",
        query=CheckForUpdates,
        response=UpdatesView,
    )
    def get(self, request: Request, query: CheckForUpdates) -> UpdatesView:
        device_id = _own(request)
        told = Told(
            installed=_installed(query.installed),
            sdk=query.sdk,
            battery_percent=query.battery_percent,
            charging=query.charging,
            wifi=query.wifi,
            open_bills=query.open_bills,
            asked=query.asked,
        )
        offers = check_for_updates(scope=request.user.scope(), device_id=device_id, told=told, now=self.now)
        return views.updates(
            offers,
            device_id=device_id,
            address=lambda release: download_address(release=release, device_id=device_id, now=self.now),
            now=self.now,
        )


class OwnUpdateResultEndpoint(Endpoint):
    """How far the calling terminal has come with one update."""

    callers = frozenset({"device"})
    db = db

    @operation(
        "updates.report",
        summary="Report how far the terminal has come with an update, or that what it installed crashed",
        body=ReportResult,
        response=DeviceUpdateView,
    )
    def post(self, request: Request, body: ReportResult, rollout_id: str) -> DeviceUpdateView:
        update = report_update(
            scope=request.user.scope(),
            device_id=_own(request),
            rollout_id=ids.decode(ROLLOUT, rollout_id),
            report=Report(status=body.status, code=body.code, message=body.message),
            now=self.now,
        )
        return views.device_update(update)


def _own(request: Request) -> uuid.UUID:
    if request.user.device_id is None:
        raise NotFound
    return request.user.device_id


def _installed(text: str) -> dict[str, int]:
    """`com.example.till@3,com.example.kds@0` as version codes by package; the pattern has let nothing else through."""
    pairs = (entry.split("@") for entry in text.split(",") if entry)
    return {package: int(version) for package, version in pairs}
