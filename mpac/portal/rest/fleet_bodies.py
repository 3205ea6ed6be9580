"""What the endpoints of the fleet take."""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from kernel.rest import Body, PageQuery
from mpac.portal.domain.labels import MAX_LABELS
from mpac.portal.rest.bodies import IntId, Reason, Text

SerialNumber = Annotated[str, msgspec.Meta(pattern="^[!-~]([ -~]*[!-~])?$", max_length=64)]
Model = Annotated[str, msgspec.Meta(max_length=100)]
LABEL = "^[a-z0-9][a-z0-9_.-]*$"
LabelName = Annotated[str, msgspec.Meta(pattern=LABEL, max_length=63)]
LabelValue = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f,]*$", max_length=63)]
Labels = Annotated[
    dict[LabelName, LabelValue],
    msgspec.Meta(
        max_length=MAX_LABELS, extra_json_schema={"propertyNames": {"pattern": LABEL, "maxLength": 63}}
    ),
]
LABELS = "^[a-z0-9][a-z0-9_.-]*:[^,]*(,[a-z0-9][a-z0-9_.-]*:[^,]*)*$"
DeviceId = Annotated[str, msgspec.Meta(max_length=64)]
DeviceIds = Annotated[list[DeviceId], msgspec.Meta(min_length=1, max_length=500)]
Version = Annotated[str, msgspec.Meta(max_length=64)]
Word = Annotated[str, msgspec.Meta(max_length=100)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
BigCount = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
When = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class FilterDevices(PageQuery):
    """`label` is `name:value`, several joined by commas; `q` looks into names and serial numbers."""

    status: Literal["registered", "active", "suspended", "revoked"] | None = None
    merchant_id: IntId | None = None
    store_id: IntId | None = None
    model: Model | None = None
    version: Version | None = None
    label: Annotated[str, msgspec.Meta(pattern=LABELS, max_length=500)] | None = None
    group: DeviceId | None = None
    online: bool | None = None
    q: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None


class UpdateDevice(Body):
    """What is left out stays as it is; labels are replaced as a whole."""

    name: Text | UnsetType = UNSET
    labels: Labels | UnsetType = UNSET


class ReplaceDevice(Body):
    serial_number: SerialNumber
    model: Model | None = None
    reason: Reason = ""


class KillDevice(Body):
    reason: Reason = ""


# Of a terminal's groups that set the same thing, the one with the highest has its way.
Priority = Annotated[int, msgspec.Meta(ge=-1000, le=1000)]


class CreateGroup(Body):
    """Terminals that bear all labels of `selector` belong to the group, beside those that are put in."""

    name: Text
    merchant_id: IntId | None = None
    selector: Labels = {}
    priority: Priority = 0


class UpdateGroup(Body):
    """What is left out stays as it is."""

    name: Text | UnsetType = UNSET
    selector: Labels | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET


class GroupMembers(Body):
    device_ids: DeviceIds


class Preregister(Body):
    serial_number: SerialNumber
    merchant_id: IntId | None = None
    model: Model = ""
    labels: Labels = {}


class ListPreregistrations(PageQuery):
    status: Literal["waiting", "activated", "assigned", "withdrawn"] | None = None
    q: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class AssignDevice(Body):
    store_id: IntId
    name: Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")] = ""


class OsReport(Body):
    name: Word = ""
    version: Version = ""
    security_patch: Version = ""


class AppReport(Body):
    """`version_code` is the number that only rises."""

    package: Annotated[str, msgspec.Meta(pattern="^[A-Za-z][A-Za-z0-9_.]*$", max_length=150)]
    version: Version = ""
    version_code: BigCount | None = None


class BatteryReport(Body):
    percent: Percent
    charging: bool | None = None
    temperature_c: Annotated[float, msgspec.Meta(ge=-100, le=200)] | None = None


class PrinterReport(Body):
    status: Literal["ok", "out_of_paper", "overheated", "open", "failed", "absent"]


class NetworkReport(Body):
    type: Literal["wifi", "cellular", "ethernet", "none"]
    signal_dbm: Annotated[int, msgspec.Meta(ge=-200, le=50)] | None = None
    operator: Word = ""


class PositionReport(Body):
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, msgspec.Meta(ge=0, le=1e7)] | None = None
    measured_at: When | None = None


class StorageReport(Body):
    free_bytes: BigCount
    total_bytes: BigCount | None = None


class UnsentReport(Body):
    """Records made offline that were not uploaded yet, and the sequence number of the last that was made."""

    records: Count
    last_sequence: BigCount | None = None


class SendHeartbeat(Body):
    """What a terminal knows about itself; what it leaves out it does not know. `sent_at` is by its own clock."""

    sent_at: When | None = None
    model: Model = ""
    manufacturer: Word = ""
    os: OsReport | None = None
    app: AppReport | None = None
    apps: Annotated[list[AppReport], msgspec.Meta(max_length=50)] = []
    battery: BatteryReport | None = None
    printer: PrinterReport | None = None
    network: NetworkReport | None = None
    position: PositionReport | None = None
    storage: StorageReport | None = None
    unsent: UnsentReport | None = None
    uptime_s: BigCount | None = None
    config_etag: Annotated[str, msgspec.Meta(max_length=200)] | None = None
