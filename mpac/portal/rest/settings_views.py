"""What the endpoints of settings answer."""

import datetime as dt
import uuid
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from kernel import ids
from kernel.clock import rfc3339
from kernel.rest import Instant, View, entity_tag
from mpac.portal.domain.places import Level, Place
from mpac.portal.domain.settings import Effective, Held, Setting
from mpac.portal.models import SettingChange, SettingValue
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.models.device_group import PREFIX as GROUP
from mpac.portal.selectors.places import PLATFORM_KEY
from mpac.portal.selectors.settings import open_secret
from mpac.portal.services.settings import Preview

PREFIXES: dict[str, str] = {Level.GROUP: GROUP, Level.DEVICE: DEVICE}


class SettingDefinitionView(View, kw_only=True):
    """What can be set: `schema` is the JSON Schema of its values, `levels` are those where it may be set.

    It is part of the platform, so nobody has made it and `created_at` is null.
    """

    id: str
    created_at: None = None
    name: str
    meaning: str
    schema: dict[str, object]
    default: object
    secret: bool
    lockable: bool
    levels: list[str]
    object: Literal["setting_definition"] = "setting_definition"


class SourceView(View, kw_only=True):
    """A value that is set somewhere: where, by whom and when. What is secret is not shown."""

    level: str
    owner: str
    value: object
    locked: bool
    version: int
    set_by: str
    set_at: Instant


class SettingView(View, kw_only=True):
    """A setting as it holds at a place. `version` counts the changes made here, for If-Match: 0 before the first one.

    `source` is where the value comes from, null for the default; `overridden` are values that its lock makes void.
    `created_at` is when it was set here for the first time.
    """

    id: str
    created_at: Instant | None
    name: str
    level: str
    owner: str
    value: object
    secret: bool
    is_set: bool
    locked: bool
    version: int
    source: SourceView | None
    overridden: list[SourceView]
    object: Literal["setting"] = "setting"


class SettingChangeView(View, kw_only=True):
    """One version of a setting at a place. What a secret one was is not kept."""

    id: str
    created_at: Instant
    name: str
    version: int
    is_set: bool
    value: object
    secret: bool
    locked: bool
    set_by: str
    reason: str
    object: Literal["setting_change"] = "setting_change"


class SettingPreviewView(View, kw_only=True):
    """What a change would do: of the terminals below the place, how many would hold another value."""

    id: str
    created_at: Instant
    devices: int
    devices_touched: int
    locked_by: SourceView | None
    object: Literal["setting_preview"] = "setting_preview"


class ConfigSourceView(View, kw_only=True):
    """Which level a value comes from; without one it is the default."""

    level: str | None
    owner: str | None
    locked: bool
    version: int
    set_by: str | None
    set_at: Instant | None


class DeviceConfigView(View, kw_only=True):
    """Everything that is set for a terminal, by name. `changed_at` is the latest change among what holds."""

    id: str
    created_at: Instant
    changed_at: Instant | None
    values: dict[str, object]
    explain: dict[str, ConfigSourceView] | UnsetType = UNSET
    object: Literal["device_config"] = "device_config"


def definition(setting: Setting) -> SettingDefinitionView:
    """A declaration as the API shows it."""
    return SettingDefinitionView(
        id=setting.name,
        name=setting.name,
        meaning=setting.meaning,
        schema=setting.schema(),
        default=setting.default,
        secret=setting.secret,
        lockable=setting.lockable,
        levels=[level for level in Level if level in setting.levels],
    )


def setting(
    found: Effective, *, place: Place, own: SettingValue | None, shows_operators: bool
) -> SettingView:
    """A setting as it holds at a place."""
    return SettingView(
        id=_id(place, found.setting.name),
        created_at=None if own is None else rfc3339(own.created_at),
        name=found.setting.name,
        level=place.level,
        owner=place.key,
        value=found.value,
        secret=found.setting.secret,
        is_set=own is not None and own.is_set,
        locked=own is not None and own.locked,
        version=0 if own is None else own.version,
        source=None if found.source is None else source(found.source, shows_operators=shows_operators),
        overridden=[source(each, shows_operators=shows_operators) for each in found.overridden],
    )


def source(held: Held, *, shows_operators: bool) -> SourceView:
    """Where a value comes from. Who runs the platform is nobody's business but theirs."""
    return SourceView(
        level=held.level,
        owner=owner_of(held),
        value=held.value,
        locked=held.locked,
        version=held.version,
        set_by=_by(held, shows_operators=shows_operators),
        set_at=rfc3339(held.set_at),
    )


def change(row: SettingChange, *, secret: bool) -> SettingChangeView:
    """A version as the API shows it."""
    return SettingChangeView(
        id=row.public_id,
        created_at=rfc3339(row.created_at),
        name=row.name,
        version=row.version,
        is_set=row.is_set,
        value=row.value,
        secret=secret,
        locked=row.locked,
        set_by=row.set_by,
        reason=row.reason,
    )


def preview(
    found: Preview, *, place: Place, name: str, shows_operators: bool, now: dt.datetime
) -> SettingPreviewView:
    """What a change would do, as the API shows it."""
    lock = found.locked_by
    return SettingPreviewView(
        id=_id(place, name),
        created_at=rfc3339(now),
        devices=found.reach.devices,
        devices_touched=found.reach.touched,
        locked_by=None if lock is None else source(lock, shows_operators=shows_operators),
    )


def config(device_id: uuid.UUID, found: dict[str, Effective], *, explain: bool) -> DeviceConfigView:
    """A terminal's settings as it gets them: with the secrets, for it alone."""
    changes = [each.source.set_at for each in found.values() if each.source is not None]
    return DeviceConfigView(
        id=ids.encode(DEVICE, device_id),
        created_at=rfc3339(ids.created_at_of(device_id)),
        changed_at=rfc3339(max(changes)) if changes else None,
        values={
            name: open_secret(each.source) if each.source is not None and each.source.sealed else each.value
            for name, each in found.items()
        },
        explain={name: _config_source(each.source) for name, each in found.items()} if explain else UNSET,
    )


def fingerprint(found: dict[str, Effective]) -> list[Any]:
    """What tells two configurations apart, without opening what is sealed."""
    return [
        [name, each.value]
        if each.source is None
        else [name, each.value, each.source.place, each.source.version, each.source.locked]
        for name, each in found.items()
    ]


def config_etag(found: dict[str, Effective], *, explain: str = "false") -> str:
    """The entity tag of a terminal's settings, as it reads them."""
    return entity_tag(explain, fingerprint(found))


def owner_of(held: Held) -> str:
    """The last part of a place as the API calls it."""
    key = held.place.partition(":")[2]
    if held.level in PREFIXES:
        return ids.encode(PREFIXES[held.level], uuid.UUID(key))
    return key or PLATFORM_KEY


def _id(place: Place, name: str) -> str:
    return f"{place.level}:{place.key}/{name}"


def _config_source(held: Held | None) -> ConfigSourceView:
    if held is None:
        return ConfigSourceView(level=None, owner=None, locked=False, version=0, set_by=None, set_at=None)
    return ConfigSourceView(
        level=held.level,
        owner=owner_of(held),
        locked=held.locked,
        version=held.version,
        set_by=_by(held, shows_operators=False),
        set_at=rfc3339(held.set_at),
    )


def _by(held: Held, *, shows_operators: bool) -> str:
    return held.set_by if shows_operators or held.level != Level.PLATFORM else "platform"
