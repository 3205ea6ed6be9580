"""What the endpoints of apps, releases and rollouts answer."""

from typing import Literal

from kernel import ids
from kernel.clock import rfc3339
from kernel.rest import Instant, View
from mpac.portal.models import App, AppRelease
from mpac.portal.models.app import PREFIX as APP


class AppView(View, kw_only=True):
    """`version_code` is that of the last release, 0 before the first. Without `psp_id` it is the platform's."""

    id: str
    psp_id: int | None
    livemode: bool | None
    created_at: Instant
    updated_at: Instant
    package: str
    name: str
    channels: list[str]
    signers: list[str]
    version_code: int
    object: Literal["app"] = "app"


class ReleaseView(View, kw_only=True):
    """What was proved about the file: its package, who signed it by which scheme, its digest and size."""

    id: str
    app_id: str
    psp_id: int | None
    livemode: bool | None
    created_at: Instant
    package: str
    version_code: int
    version_name: str
    min_sdk: int
    signature_scheme: int
    signers: list[str]
    sha256: str
    size_bytes: int
    notes: str
    uploaded_by: str
    object: Literal["release"] = "release"


def app(found: App) -> AppView:
    """An app as it is shown."""
    return AppView(
        id=found.public_id,
        psp_id=found.psp_id,
        livemode=found.livemode,
        created_at=rfc3339(found.created_at),
        updated_at=rfc3339(found.updated_at),
        package=found.package,
        name=found.name,
        channels=found.channels,
        signers=found.signers,
        version_code=found.version_code,
    )


def release(found: AppRelease) -> ReleaseView:
    """A release, with the package of its app, as it is shown."""
    return ReleaseView(
        id=found.public_id,
        app_id=ids.encode(APP, found.app_id),
        psp_id=found.psp_id,
        livemode=found.livemode,
        created_at=rfc3339(found.created_at),
        package=found.app.package,
        version_code=found.version_code,
        version_name=found.version_name,
        min_sdk=found.min_sdk,
        signature_scheme=found.signature_scheme,
        signers=found.signers,
        sha256=found.sha256,
        size_bytes=found.size_bytes,
        notes=found.notes,
        uploaded_by=found.uploaded_by,
    )
