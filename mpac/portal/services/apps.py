"""Apps and their releases. A file becomes a release when everything about it has been proved, and never changes again; its
notes may.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from django.db import IntegrityError

from kernel.audit import record, state
from kernel.errors import FieldError, Invalid
from kernel.origin import origin
from kernel.outbox import publish
from kernel.tenancy import Scope
from mpac.portal.adapters.packages import keep_package
from mpac.portal.db import atomic, db
from mpac.portal.domain.apk.inspection import ApkFacts, inspect_apk
from mpac.portal.errors import ApkRefused, PackageTaken, VersionCodeNotHigher
from mpac.portal.events import ReleaseUploaded
from mpac.portal.models import App, AppRelease
from mpac.portal.selectors.apps import check_steered_by, get_app, get_release

# A package is entered by one at a time: that it is the platform's or providers' is for no index to see.
HOLD_PACKAGE = "SELECT pg_advisory_xact_lock(hashtextextended('portal.package:' || %s, 0))"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApp:
    """An app to be entered. Without a provider it is the platform's, for the terminals of all providers."""

    package: str
    name: str
    channels: Sequence[str]
    signers: Sequence[str]
    psp_id: int | None
    livemode: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppChanges:
    """What of an app is changed; None leaves a field as it is."""

    name: str | None = None
    channels: Sequence[str] | None = None
    signers: Sequence[str] | None = None


def create_app(*, scope: Scope, wanted: NewApp, now: dt.datetime) -> App:
    """Enter an app. Raises Invalid and PackageTaken."""
    _check_once("channels", wanted.channels)
    _check_once("signers", wanted.signers)
    app = App(
        psp_id=wanted.psp_id,
        livemode=wanted.livemode,
        package=wanted.package,
        name=wanted.name,
        channels=list(wanted.channels),
        signers=list(wanted.signers),
        updated_at=now,
    )
    with atomic(scope):
        # A terminal runs one app of a package, so no provider enters one of the platform's, nor the platform a provider's.
        db.execute(HOLD_PACKAGE, [wanted.package])
        others = App.objects.filter(package=wanted.package)
        if (others if wanted.psp_id is None else others.filter(psp_id=None)).exists():
            raise PackageTaken
        try:
            app.save(force_insert=True)
        except IntegrityError as error:
            if "portal_app_package" in str(error):
                raise PackageTaken from None
            raise
        record(db, "app.created", app, now=now)
    return app


def update_app(*, scope: Scope, app_id: uuid.UUID, changes: AppChanges, now: dt.datetime) -> App:
    """Change an app; releases that were proved before stay. Raises NotFound, Forbidden and Invalid."""
    with atomic(scope):
        app = get_app(scope=scope, app_id=app_id)
        check_steered_by(scope, app)
        app = _lock(app)
        before = state(app)
        for name in ("name", "channels", "signers"):
            wanted = getattr(changes, name)
            if wanted is not None:
                _check_once(name, wanted)
                setattr(app, name, wanted if name == "name" else list(wanted))
        if state(app) == before:
            return app
        app.updated_at = now
        app.save(update_fields=["name", "channels", "signers", "updated_at"])
        record(db, "app.changed", app, before=before, now=now)
    return app


def add_release(
    *, scope: Scope, app_id: uuid.UUID, file: BinaryIO, notes: str = "", now: dt.datetime
) -> AppRelease:
    """Make an incoming file the next release of an app; the same file again is the same release.

    Everything is proved before anything is kept, and the file is kept before its row. Raises NotFound, Forbidden,
    ApkRefused, VersionCodeNotHigher and Unavailable.
    """
    app = get_app(scope=scope, app_id=app_id)
    check_steered_by(scope, app)
    facts = inspect_apk(file)
    _check_fits(app, facts)
    release = _release(app, facts, notes)
    with atomic(scope):
        if kept := _find_same(release):
            return kept
    if facts.version_code <= app.version_code:
        raise VersionCodeNotHigher
    keep_package(file, name=release.stored_as)
    with atomic(scope):
        risen = App.objects.filter(id=app.id, version_code__lt=facts.version_code).update(
            version_code=facts.version_code, updated_at=now
        )
        if not risen:
            if kept := _find_same(release):
                return kept
            raise VersionCodeNotHigher
        # The app may have been changed while the file was on its way.
        _check_fits(App.objects.get(id=app.id), facts)
        release.save(force_insert=True)
        publish(
            db,
            ReleaseUploaded(
                aggregate_id=app.public_id,
                psp_id=app.psp_id,
                app_id=app.public_id,
                release_id=release.public_id,
                package=app.package,
                version_code=release.version_code,
                sha256=release.sha256,
                livemode=release.livemode,
            ),
            now=now,
        )
        record(db, "app_release.uploaded", release, now=now)
    return release


def update_release(
    *, scope: Scope, app_id: uuid.UUID, release_id: uuid.UUID, notes: str, now: dt.datetime
) -> AppRelease:
    """Say something else of a release. Raises NotFound and Forbidden."""
    with atomic(scope):
        found = get_release(scope=scope, release_id=release_id, app_id=app_id)
        check_steered_by(scope, found)
        locked = AppRelease.objects.select_for_update(of=("self",)).select_related("app")
        release: AppRelease = locked.get(id=found.id)
        before = state(release)
        if release.notes != notes:
            release.notes = notes
            release.save(update_fields=["notes"])
            record(db, "app_release.notes_changed", release, before=before, now=now)
    return release


def _lock(app: App) -> App:
    locked: App = App.objects.select_for_update().get(id=app.id)
    return locked


def _check_once(field: str, values: Sequence[str]) -> None:
    if field != "name" and len(set(values)) < len(values):
        raise Invalid(errors=[FieldError(field, "repeated", "A value is given more than once.")])


def _check_fits(app: App, facts: ApkFacts) -> None:
    """The package and all who signed must be the app's own. Raises ApkRefused."""
    if facts.package != app.package:
        raise ApkRefused(
            f"The file is the package {facts.package}, and not {app.package}.", code="apk_package_mismatch"
        )
    if strangers := facts.signers - set(app.signers):
        raise ApkRefused(
            f"The file is signed by {', '.join(sorted(strangers))}, who may not sign this app.",
            code="apk_signer_not_allowed",
        )


def _release(app: App, facts: ApkFacts, notes: str) -> AppRelease:
    by = origin()
    return AppRelease(
        psp_id=app.psp_id,
        livemode=app.livemode,
        app=app,
        version_code=facts.version_code,
        version_name=facts.version_name,
        min_sdk=facts.min_sdk,
        signature_scheme=facts.signature_scheme,
        signers=sorted(facts.signers),
        sha256=facts.sha256,
        size_bytes=facts.size,
        notes=notes,
        uploaded_by=by.id,
    )


def _find_same(release: AppRelease) -> AppRelease | None:
    """The release that this file already is."""
    found: AppRelease | None = (
        AppRelease.objects.select_related("app")
        .filter(app_id=release.app_id, version_code=release.version_code, sha256=release.sha256)
        .first()
    )
    return found
