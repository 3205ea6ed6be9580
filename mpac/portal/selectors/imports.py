"""Reading terminals that are to come, and lists of them."""

import datetime as dt
import hmac
import uuid
from collections.abc import Iterator

from django.conf import settings
from django.db.models import QuerySet

from kernel.errors import NotFound
from kernel.tenancy import Scope
from mpac.portal.db import atomic
from mpac.portal.domain import activation
from mpac.portal.domain.device_lists import ListedDevice, read_list
from mpac.portal.models import Device, DeviceImport, Preregistration

HEADS = ("row", "serial_number", "result", "device_id", "activation_code", "column", "code", "message")


def list_preregistrations(*, status: str | None = None, text: str | None = None) -> QuerySet[Preregistration]:
    """Entries of vendors' lists in the open transaction's scope."""
    found: QuerySet[Preregistration] = Preregistration.objects.all()
    if status is not None:
        found = found.filter(status=status)
    return found if text is None else found.filter(serial_number__icontains=text)


def get_preregistration(*, scope: Scope, entry_id: uuid.UUID) -> Preregistration:
    """Raises NotFound."""
    with atomic(scope):
        entry: Preregistration | None = Preregistration.objects.filter(id=entry_id).first()
    if entry is None:
        raise NotFound
    return entry


def list_imports() -> QuerySet[DeviceImport]:
    """Lists of terminals in the open transaction's scope, without what is in them."""
    found: QuerySet[DeviceImport] = DeviceImport.objects.defer("content")
    return found


def get_import(*, scope: Scope, import_id: uuid.UUID) -> DeviceImport:
    """Raises NotFound."""
    with atomic(scope):
        taken: DeviceImport | None = DeviceImport.objects.filter(id=import_id).first()
    if taken is None:
        raise NotFound
    return taken


def report_rows(taken: DeviceImport, *, now: dt.datetime) -> Iterator[tuple[object, ...]]:
    """What became of each row of a list, under `HEADS`. A code is told while it is of use, and not one that came after it.

    Runs in the open transaction.
    """
    faults = sorted(taken.faults, key=lambda fault: fault["row"])
    faulty = {fault["row"] for fault in faults}
    rows = [
        row
        for row in read_list(taken.content, in_store=taken.store_id is not None)
        if isinstance(row, ListedDevice)
    ]
    made = _made(taken, [row.serial_number for row in rows])
    for position, row in enumerate(rows):
        if row.row in faulty:
            continue
        found = made.get(row.serial_number) if position < taken.rows_done else None
        result = "waiting" if found is None else str(found.status)
        code = _code(taken, found, now=now) if found is not None else ""
        yield row.row, row.serial_number, result, found.public_id if found else "", code, "", "", ""
    for fault in faults:
        yield fault["row"], "", "refused", "", "", fault["column"], fault["code"], fault["message"]


def _made(taken: DeviceImport, serial_numbers: list[str]) -> dict[str, Device | Preregistration]:
    """The terminals of a list that there are, by serial number; one that stands in a store goes before its entry."""
    found: dict[str, Device | Preregistration] = {}
    for model in (Preregistration, Device):
        rows = model.objects.filter(psp_id=taken.psp_id, serial_number__in=serial_numbers).order_by("id")
        found |= {row.serial_number: row for row in rows}
    return found


def _code(taken: DeviceImport, found: Device | Preregistration, *, now: dt.datetime) -> str:
    """The code that the list gave to a terminal, if it is still the one that activates it."""
    if found.status not in {"registered", "waiting"} or (found.activation_expires_at or now) <= now:
        return ""
    code = activation.derived_code(f"{taken.id}/{found.serial_number}", pepper=settings.SECRET_KEY)
    digest = activation.hash_code(code, pepper=settings.SECRET_KEY)
    return code if hmac.compare_digest(digest, found.activation_code_hash) else ""
