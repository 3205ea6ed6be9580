"""Apps and their releases over HTTP."""

import threading

from msgspec import UNSET

from kernel import ids
from kernel.errors import Unavailable
from kernel.rest import Page, PageQuery, Request, operation, paginate
from kernel.rest.body import stream_body
from mpac.portal import conf
from mpac.portal.adapters.packages import incoming
from mpac.portal.db import atomic
from mpac.portal.models.app import PREFIX as APP
from mpac.portal.models.app import RELEASE
from mpac.portal.rest import app_views as views
from mpac.portal.rest.app_bodies import CreateApp, ListApps, UpdateApp, UpdateRelease, UploadRelease
from mpac.portal.rest.app_views import AppView, ReleaseView
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.selectors.apps import check_steered_by, get_app, get_release, list_apps, list_releases
from mpac.portal.selectors.hierarchy import get_psp
from mpac.portal.services.apps import (
    AppChanges,
    NewApp,
    add_release,
    create_app,
    update_app,
    update_release,
)

READ, WRITE = "apps:read", "apps:write"
APK = "application/vnd.android.package-archive"
_uploads = threading.BoundedSemaphore(conf.UPLOADS_AT_ONCE)


class AppsEndpoint(PortalEndpoint):
    """The apps that a provider's terminals may run: its own, and the platform's."""

    @operation("apps.list", summary="List apps", query=ListApps, response=Page[AppView], permission=READ)
    def get(self, request: Request, query: ListApps) -> Page[AppView]:
        with atomic(self.scope):
            return paginate(list_apps(package=query.package), query, views.app)

    @operation(
        "apps.create",
        summary="Enter an app, with those who may sign its releases",
        body=CreateApp,
        response=AppView,
        status=201,
        errors=(404, 409),
        permission=WRITE,
        reach="psp",
    )
    def post(self, request: Request, body: CreateApp) -> AppView:
        caller = request.user
        psp_id = body.psp_id if body.psp_id is not None else caller.psp_id
        if psp_id is not None:
            get_psp(scope=self.scope, psp_id=psp_id)
        wanted = NewApp(
            package=body.package,
            name=body.name,
            channels=body.channels,
            signers=body.signers,
            psp_id=psp_id,
            livemode=caller.livemode if caller.kind == "partner" else None,
        )
        return views.app(create_app(scope=self.scope, wanted=wanted, now=self.now))


class AppEndpoint(PortalEndpoint):
    """One app."""

    @operation("apps.read", summary="Read an app", response=AppView, permission=READ)
    def get(self, request: Request, app_id: str) -> AppView:
        return views.app(get_app(scope=self.scope, app_id=ids.decode(APP, app_id)))

    @operation(
        "apps.update",
        summary="Change an app's name, its channels or those who may sign it",
        body=UpdateApp,
        response=AppView,
        permission=WRITE,
        reach="psp",
    )
    def patch(self, request: Request, body: UpdateApp, app_id: str) -> AppView:
        changes = AppChanges(
            name=None if body.name is UNSET else body.name,
            channels=None if body.channels is UNSET else body.channels,
            signers=None if body.signers is UNSET else body.signers,
        )
        changed = update_app(scope=self.scope, app_id=ids.decode(APP, app_id), changes=changes, now=self.now)
        return views.app(changed)


class ReleasesEndpoint(PortalEndpoint):
    """The releases of an app."""

    @operation(
        "releases.list",
        summary="List an app's releases",
        query=PageQuery,
        response=Page[ReleaseView],
        permission=READ,
    )
    def get(self, request: Request, query: PageQuery, app_id: str) -> Page[ReleaseView]:
        with atomic(self.scope):
            app = get_app(scope=self.scope, app_id=ids.decode(APP, app_id))
            return paginate(list_releases(app_id=app.id), query, views.release)

    @operation(
        "releases.upload",
        summary="Upload an Android package as the next release; it is verified before it is kept",
        query=UploadRelease,
        response=ReleaseView,
        status=201,
        errors=(409,),
        request_media_type=APK,
        streamed=True,
        permission=WRITE,
        reach="psp",
    )
    def post(self, request: Request, query: UploadRelease, app_id: str) -> ReleaseView:
        """The body goes through the disk and never as a whole through memory."""
        app = get_app(scope=self.scope, app_id=ids.decode(APP, app_id))
        check_steered_by(self.scope, app)
        if not _uploads.acquire(blocking=False):
            raise Unavailable("Another package is being uploaded; try again.", retry_after_s=10)
        try:
            with incoming() as file:
                for chunk in stream_body(
                    request._request, media_type=APK, limit=conf.largest_package_bytes()
                ):
                    file.write(chunk)
                file.flush()
                release = add_release(
                    scope=self.scope, app_id=app.id, file=file, notes=query.notes, now=self.now
                )
        finally:
            _uploads.release()
        return views.release(release)


class ReleaseEndpoint(PortalEndpoint):
    """One release."""

    @operation("releases.read", summary="Read a release", response=ReleaseView, permission=READ)
    def get(self, request: Request, app_id: str, release_id: str) -> ReleaseView:
        found = get_release(
            scope=self.scope, release_id=ids.decode(RELEASE, release_id), app_id=ids.decode(APP, app_id)
        )
        return views.release(found)

    @operation(
        "releases.update",
        summary="Change what is said of a release, its notes",
        body=UpdateRelease,
        response=ReleaseView,
        permission=WRITE,
        reach="psp",
    )
    def patch(self, request: Request, body: UpdateRelease, app_id: str, release_id: str) -> ReleaseView:
        changed = update_release(
            scope=self.scope,
            app_id=ids.decode(APP, app_id),
            release_id=ids.decode(RELEASE, release_id),
            notes=body.notes,
            now=self.now,
        )
        return views.release(changed)
