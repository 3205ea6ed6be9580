"""What the endpoints of apps, releases and rollouts take."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from kernel.rest import Body, PageQuery, Query
from mpac.portal.domain.rollouts import BUCKETS, MOST_WAVES
from mpac.portal.rest.bodies import IntId, Text

Package = Annotated[
    str, msgspec.Meta(max_length=255, pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+$")
]
Channel = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_-]{0,31}$")]
Channels = Annotated[list[Channel], msgspec.Meta(min_length=1, max_length=10)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Signers = Annotated[list[Digest], msgspec.Meta(min_length=1, max_length=10)]
Notes = Annotated[str, msgspec.Meta(max_length=2000)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
BasisPoints = Annotated[int, msgspec.Meta(ge=0, le=BUCKETS)]
Window = Annotated[
    str,
    msgspec.Meta(
        pattern="^(maintenance|any|([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9])$",
        examples=["maintenance", "any", "22:00-05:00"],
    ),
]
Reason = Annotated[str, msgspec.Meta(max_length=500)]
RolloutState = Literal["active", "paused", "halted", "completed", "superseded"]


class CreateApp(Body):
    """`channels` from the most careful to the most daring: whoever is on one also gets what is on those before it.
    `signers` are the SHA-256 digests of the certificates that may sign releases. An operator of the platform who names no
    provider enters an app for the terminals of all.
    """

    package: Package
    name: Text
    signers: Signers
    channels: Channels = msgspec.field(default_factory=lambda: ["stable", "beta"])
    psp_id: IntId | None = None


class UpdateApp(Body):
    """What is left out stays as it is."""

    name: Text | UnsetType = UNSET
    signers: Signers | UnsetType = UNSET
    channels: Channels | UnsetType = UNSET


class ListApps(PageQuery):
    package: Package | None = None


class UploadRelease(Query):
    notes: Notes = ""


class UpdateRelease(Body):
    """Nothing else about a release ever changes."""

    notes: Notes


class WaveBody(Body):
    """A share of the terminals in hundredths of a percent, watched for `soak_s` seconds before the next wave."""

    basis_points: Annotated[int, msgspec.Meta(ge=1, le=BUCKETS)]
    soak_s: Annotated[int, msgspec.Meta(ge=0, le=30 * 86_400)] = 3600


class GateBody(Body):
    """At what shares, in hundredths of a percent, a rollout halts by itself, once `min_sample` were counted."""

    max_failure_bp: BasisPoints = 1000
    max_crash_bp: BasisPoints = 500
    min_payment_success_bp: BasisPoints = 7000
    min_sample: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 20


class CreateRollout(Body):
    """Empty lists mean everybody. `window` is when terminals install it, in their store's local time: at `any` time, between
    two times of day, or in the `maintenance` window of their settings.
    """

    release_id: Id
    channel: Channel = "stable"
    waves: Annotated[list[WaveBody], msgspec.Meta(min_length=1, max_length=MOST_WAVES)] = msgspec.field(
        default_factory=lambda: [WaveBody(basis_points=BUCKETS)]
    )
    merchant_ids: Annotated[list[IntId], msgspec.Meta(max_length=1000)] = []
    store_ids: Annotated[list[IntId], msgspec.Meta(max_length=1000)] = []
    group_ids: Annotated[list[Id], msgspec.Meta(max_length=50)] = []
    window: Window = "maintenance"
    spares_open_bills: bool = True
    min_battery_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 30
    needs_charging: bool = False
    needs_wifi: bool = False
    gate: GateBody = msgspec.field(default_factory=GateBody)


class ListRollouts(PageQuery):
    app_id: Id | None = None
    status: RolloutState | None = None


class SteerRollout(Body):
    reason: Reason = ""


class ListProgress(PageQuery):
    status: Literal["downloaded", "installing", "installed", "failed"] | None = None


class CheckForUpdates(Query):
    """What the terminal says of itself. `installed` names packages and version codes: `com.example.till@3,…`.
    `asked` says that a person waits for it, so that any time of day will do.
    """

    installed: Annotated[
        str,
        msgspec.Meta(
            max_length=2000,
            pattern=r"^([A-Za-z][A-Za-z0-9_.]{0,254}@[0-9]{1,18}(,[A-Za-z][A-Za-z0-9_.]{0,254}@[0-9]{1,18}){0,19})?$",
        ),
    ] = ""
    sdk: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    battery_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    charging: bool | None = None
    wifi: bool | None = None
    open_bills: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    asked: bool = False


class ReportResult(Body):
    """How far a terminal has come; `crashed` is for a release that it runs. `code` and `message` say what went wrong."""

    status: Literal["downloaded", "installing", "installed", "failed", "crashed"]
    code: Annotated[str, msgspec.Meta(max_length=64, pattern="^[A-Za-z0-9_.-]*$")] = ""
    message: Annotated[str, msgspec.Meta(max_length=500)] = ""


class Download(Query):
    device: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    expires: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    signature: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
