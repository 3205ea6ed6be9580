"""What happened in portal.

The hierarchy's events name what changed and its new version, not the new values: whoever mirrors the hierarchy reads a
snapshot through the api, so a late event never carries an old truth. Everything below a merchant shares the merchant's
aggregate id, and with it one order. No event holds a secret.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, ClassVar

from kernel.events import Event


@dataclass(frozen=True, kw_only=True)
class PspChanged(Event):
    """A payment service provider was created or changed."""

    type: ClassVar[str] = "portal.psp_changed"
    version_number: int
    status: str


@dataclass(frozen=True, kw_only=True)
class MerchantChanged(Event):
    """A merchant was created or changed."""

    type: ClassVar[str] = "portal.merchant_changed"
    version_number: int
    status: str


@dataclass(frozen=True, kw_only=True)
class StoreChanged(Event):
    """A store was created or changed."""

    type: ClassVar[str] = "portal.store_changed"
    version_number: int
    status: str


@dataclass(frozen=True, kw_only=True)
class ProviderConfigChanged(Event):
    """A store's account with a payment provider was created, changed, enabled or disabled."""

    type: ClassVar[str] = "portal.provider_config_changed"
    provider: str
    version_number: int
    enabled: bool


@dataclass(frozen=True, kw_only=True)
class DeviceRegistered(Event):
    """A terminal was announced to the platform; it has no key yet."""

    type: ClassVar[str] = "portal.device_registered"
    device_id: str


@dataclass(frozen=True, kw_only=True)
class DeviceActivated(Event):
    """A terminal bound its key and may now ask for tokens."""

    type: ClassVar[str] = "portal.device_activated"
    device_id: str
    key_id: str
    livemode: bool


@dataclass(frozen=True, kw_only=True)
class DeviceStatusChanged(Event):
    """A terminal was suspended, resumed or revoked."""

    type: ClassVar[str] = "portal.device_status_changed"
    device_id: str
    from_status: str
    to_status: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DeviceKilled(Event):
    """A terminal is in wrong hands: whatever it has begun is to end. Said at once, and again when its last token is refused
    everywhere and when all that came with that one is done, for it may have begun something in between.
    """

    type: ClassVar[str] = "portal.device_killed"
    device_id: str
    reason: str
    is_repeated: bool


@dataclass(frozen=True, kw_only=True)
class DeviceReplaced(Event):
    """A terminal took over the place of a broken one."""

    type: ClassVar[str] = "portal.device_replaced"
    device_id: str
    replaced_by: str


@dataclass(frozen=True, kw_only=True)
class DeviceSilent(Event):
    """Nothing was heard of an active terminal for too long. Said once, until it is heard again."""

    type: ClassVar[str] = "portal.device_silent"
    device_id: str
    last_heard_at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class DeviceHeardAgain(Event):
    """A terminal that had fallen silent reports again."""

    type: ClassVar[str] = "portal.device_heard_again"
    device_id: str
    silent_since: dt.datetime


@dataclass(frozen=True, kw_only=True)
class ApiKeyIssued(Event):
    """A provider's server got a new API key."""

    type: ClassVar[str] = "portal.api_key_issued"
    api_key_id: str
    prefix: str
    mode: str


@dataclass(frozen=True, kw_only=True)
class ApiKeyRevoked(Event):
    """An API key was withdrawn."""

    type: ClassVar[str] = "portal.api_key_revoked"
    api_key_id: str
    prefix: str


@dataclass(frozen=True, kw_only=True)
class ConfigChanged(Event):
    """A setting was changed at a place. The values are not told: whoever needs them reads them.

    `overridable` says that values closer to a terminal hid this one before and after.
    """

    type: ClassVar[str] = "portal.config_changed"
    level: str
    place: str
    name: str
    version_number: int
    overridable: bool


@dataclass(frozen=True, kw_only=True)
class ConfigSpread(Event):
    """The news of a change have reached the terminals up to `after`, in the order of their ids; the next ones follow."""

    type: ClassVar[str] = "portal.config_spread"
    level: str
    place: str
    name: str
    overridable: bool
    after: str


@dataclass(frozen=True, kw_only=True)
class ConfigReached(Event):
    """These terminals hold another value than before, each with where it stands: some of those that a change reaches."""

    type: ClassVar[str] = "portal.config_reached"
    devices: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class ReleaseUploaded(Event):
    """A file was proved to be a version of an app; no terminal is offered it yet."""

    type: ClassVar[str] = "portal.release_uploaded"
    app_id: str
    release_id: str
    package: str
    version_code: int
    sha256: str
    livemode: bool | None


@dataclass(frozen=True, kw_only=True)
class RolloutChanged(Event):
    """A rollout was started, went on to its next wave, was paused, resumed, halted or completed."""

    type: ClassVar[str] = "portal.rollout_changed"
    rollout_id: str
    app_id: str
    version_code: int
    status: str
    wave: int
    reason: str
    livemode: bool | None


@dataclass(frozen=True, kw_only=True)
class UpdateAvailable(Event):
    """A wave has come to these terminals, each with where it stands; a hint to ask for what there is."""

    type: ClassVar[str] = "portal.update_available"
    rollout_id: str
    devices: list[dict[str, Any]]
    package: str
    version_code: int


@dataclass(frozen=True, kw_only=True)
class MailPosted(Event):
    """A mail waits to be sent; what it says stays in its row."""

    type: ClassVar[str] = "portal.mail_posted"
    mail_id: str


@dataclass(frozen=True, kw_only=True)
class CommandsCreated(Event):
    """Terminals are told to do something, one command each; with where the terminals stand."""

    type: ClassVar[str] = "portal.commands_created"
    commands: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class CommandFinished(Event):
    """A command succeeded, failed, expired or was cancelled."""

    type: ClassVar[str] = "portal.command_finished"
    command_id: str
    device_id: str
    kind: str
    status: str


@dataclass(frozen=True, kw_only=True)
class CommandBatchDue(Event):
    """A command for many has reached the terminals up to `after`, in the order of their ids; the next ones follow."""

    type: ClassVar[str] = "portal.command_batch_due"
    batch_id: str
    after: str


@dataclass(frozen=True, kw_only=True)
class CommandBatchCancelled(Event):
    """A command for many is called off: what was not handed out yet is cancelled, some at a time."""

    type: ClassVar[str] = "portal.command_batch_cancelled"
    batch_id: str
