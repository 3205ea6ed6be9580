"""What the endpoints answer about terminals that are to come and lists of them."""

from typing import Any, Literal

from kernel.clock import rfc3339
from kernel.rest import Instant, View
from mpac.portal.models import DeviceImport, Preregistration
from mpac.portal.rest import views
from mpac.portal.services.preregistrations import Announced


class PreregistrationView(View, kw_only=True):
    """A terminal without a store. It keeps its id when it gets one."""

    id: str
    psp_id: int
    merchant_id: int | None
    created_at: Instant
    updated_at: Instant
    serial_number: str
    model: str
    labels: dict[str, str]
    status: str
    livemode: bool
    key_id: str | None
    activated_at: Instant | None
    activation_expires_at: Instant | None
    object: Literal["device_preregistration"] = "device_preregistration"


class AnnouncedView(PreregistrationView, kw_only=True):
    """The activation code is shown here and never again."""

    activation_code: str | None
    activation_qr_payload: str | None
    activation_qr: str | None


class ImportFaultView(View):
    """What is wrong with one cell; a fault of a whole row or file names no column. The header is row 1."""

    row: int
    column: str
    code: str
    message: str


class ImportView(View):
    """A list of terminals and how far it came. `checked` can be started; `rejected` has to be mended and sent again."""

    id: str
    psp_id: int
    merchant_id: int | None
    store_id: int | None
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    status: str
    livemode: bool
    created_by: str
    rows_total: int
    rows_done: int
    rows_refused: int
    faults: list[ImportFaultView]
    object: Literal["device_import"] = "device_import"


def preregistration(entry: Preregistration) -> PreregistrationView:
    """A terminal without a store, as the API shows it."""
    return PreregistrationView(**_preregistration(entry))


def announced(made: Announced) -> AnnouncedView:
    """A terminal without a store, with its one-time code."""
    code = views.shown_code(made.activation_code, serial_number=made.entry.serial_number)
    return AnnouncedView(**_preregistration(made.entry), **code)


def device_import(taken: DeviceImport) -> ImportView:
    """A list of terminals, as the API shows it."""
    return ImportView(
        id=taken.public_id,
        psp_id=taken.psp_id,
        merchant_id=taken.merchant_id,
        store_id=taken.store_id,
        created_at=rfc3339(taken.created_at),
        started_at=rfc3339(taken.started_at) if taken.started_at else None,
        finished_at=rfc3339(taken.finished_at) if taken.finished_at else None,
        status=str(taken.status),
        livemode=taken.livemode,
        created_by=taken.created_by,
        rows_total=taken.rows_total,
        rows_done=taken.rows_done,
        rows_refused=taken.rows_refused,
        faults=[ImportFaultView(**fault) for fault in taken.faults],
    )


def _preregistration(entry: Preregistration) -> dict[str, Any]:
    expires_at = entry.activation_expires_at if entry.status == "waiting" else None
    return {
        "id": entry.public_id,
        "psp_id": entry.psp_id,
        "merchant_id": entry.merchant_id,
        "created_at": rfc3339(entry.created_at),
        "updated_at": rfc3339(entry.updated_at),
        "serial_number": entry.serial_number,
        "model": entry.model,
        "labels": entry.labels,
        "status": str(entry.status),
        "livemode": entry.livemode,
        "key_id": entry.key_id or None,
        "activated_at": rfc3339(entry.activated_at) if entry.activated_at else None,
        "activation_expires_at": rfc3339(expires_at) if expires_at else None,
    }
