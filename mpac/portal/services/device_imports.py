"""Taking in lists of terminals: looked at whole first, then registered batch by batch.

How far a list came is committed with each batch, so that whoever goes on after a crash neither repeats nor leaves out a row.
A row that cannot be registered any more, because something else took its serial number meanwhile, is refused by itself.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from kernel import ids
from kernel.audit import record, state
from kernel.errors import DomainError, NotFound
from kernel.logs import get_logger
from kernel.origin import acting
from kernel.tenancy import Scope, SystemScope, TenantScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain import activation
from mpac.portal.domain.device_imports import ImportStatus
from mpac.portal.domain.device_lists import MAX_FAULTS, Fault, ListedDevice, decode_list, read_list
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.domain.hierarchy import DirectoryStatus
from mpac.portal.errors import IllegalTransition
from mpac.portal.models import Device, DeviceImport, Merchant, Preregistration, Store
from mpac.portal.models.device_import import PREFIX
from mpac.portal.selectors.hierarchy import get_merchant, get_store
from mpac.portal.services.devices import register_device
from mpac.portal.services.preregistrations import UNASSIGNED, Code, preregister

logger = get_logger(__name__)

BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """For whom a list is: a provider, one of its merchants, or one store."""

    psp_id: int
    merchant_id: int | None = None
    store_id: int | None = None


def check_list(
    *, scope: Scope, place: Place, raw: bytes, charset: str, livemode: bool, by: str, now: dt.datetime
) -> DeviceImport:
    """Look at a list and keep it; nothing is registered. It is rejected, with every fault, when a row has one."""
    text = decode_list(raw, charset=charset)
    rows: list[ListedDevice]
    with atomic(scope):
        rows, faults = ([], [text]) if isinstance(text, Fault) else _look_at(place, text)
        taken = DeviceImport(
            psp_id=place.psp_id,
            merchant_id=place.merchant_id,
            store_id=place.store_id,
            livemode=livemode,
            created_by=by,
            content="" if faults else str(text),
            sha256=hashlib.sha256(raw).hexdigest(),
            status=ImportStatus.REJECTED if faults else ImportStatus.CHECKED,
            rows_total=len(rows),
            rows_refused=len({fault.row for fault in faults}),
            faults=[asdict(fault) for fault in faults],
            finished_at=now if faults else None,
            updated_at=now,
        )
        taken.save(force_insert=True)
        record(db, "device_import.checked", taken, after=_told(taken), now=now)
    return taken


def start_import(*, scope: Scope, import_id: uuid.UUID, now: dt.datetime) -> DeviceImport:
    """Have a list that was found good registered. Starting it again changes nothing. Raises NotFound, IllegalTransition."""
    with atomic(scope):
        taken: DeviceImport | None = DeviceImport.objects.select_for_update().filter(id=import_id).first()
        if taken is None:
            raise NotFound
        if taken.status == ImportStatus.REJECTED:
            raise IllegalTransition(allowed=[])
        if taken.status == ImportStatus.CHECKED:
            held = _told(taken)
            taken.status, taken.started_at, taken.updated_at = ImportStatus.RUNNING, now, now
            taken.save(update_fields=["status", "started_at", "updated_at"])
            record(db, "device_import.started", taken, before=held, after=_told(taken), now=now)
    return taken


def run_imports(*, now: dt.datetime) -> int:
    """Go on with every list that is under way, the oldest first, to its end; returns how many rows were done.

    A list that cannot go on is tried again by the next run, and keeps none of the others waiting.
    """
    done = 0
    with atomic(SystemScope("upkeep")):
        running = list(
            DeviceImport.objects.filter(status=ImportStatus.RUNNING)
            .order_by("id")
            .values_list("id", "psp_id")
        )
    for import_id, psp_id in running:
        try:  # a terminal may have been announced to the whole provider
            done += _run(TenantScope(psp_id), import_id, now=now)
        except Exception:
            logger.exception("a list of terminals could not go on", list=ids.encode(PREFIX, import_id))
    return done


def place_of_store(*, scope: Scope, store_id: int) -> Place:
    """For whom a list of one store is. Raises NotFound."""
    store = get_store(scope=scope, store_id=store_id)
    return Place(psp_id=store.psp_id, merchant_id=store.merchant_id, store_id=store.id)


def place_of_merchant(*, scope: Scope, psp_id: int | None, merchant_id: int | None) -> Place:
    """For whom a list of many stores is: a merchant, or the whole provider. Raises NotFound."""
    if merchant_id is None and isinstance(scope, TenantScope):
        merchant_id = scope.merchant_id
    if merchant_id is not None:
        return Place(
            psp_id=get_merchant(scope=scope, merchant_id=merchant_id).psp_id, merchant_id=merchant_id
        )
    if psp_id is None:
        raise NotFound
    return Place(psp_id=psp_id)


def code_of(taken: DeviceImport, serial_number: str) -> str:
    """The one-time code that a list gave to a terminal; it can be told again as long as it is of use."""
    return activation.derived_code(f"{taken.id}/{serial_number}", pepper=settings.SECRET_KEY)


def _run(scope: TenantScope, import_id: uuid.UUID, *, now: dt.datetime) -> int:
    """Register the rows of a list batch by batch; one by one those of a batch of which a row is refused."""
    with atomic(scope):
        found = DeviceImport.objects.filter(id=import_id, status=ImportStatus.RUNNING).first()
        rows = list(_rows(found)) if found is not None else []
    begun = at = found.rows_done if found is not None else 0
    while at < len(rows):
        batch = rows[at : at + BATCH]
        try:
            went = _advance(scope, import_id, at, batch, now=now)
        except DomainError:
            went = all(
                _advance_by_one(scope, import_id, row_at, rows[row_at], now=now)
                for row_at in range(at, at + len(batch))
            )
        if not went:
            break
        at += len(batch)
    return at - begun


def _advance_by_one(
    scope: TenantScope, import_id: uuid.UUID, at: int, row: ListedDevice, *, now: dt.datetime
) -> bool:
    """Register a row, or say why it is refused."""
    try:
        return _advance(scope, import_id, at, [row], now=now)
    except DomainError as refusal:
        return _advance(scope, import_id, at, [row], refused=refusal, now=now)


def _advance(
    scope: TenantScope,
    import_id: uuid.UUID,
    at: int,
    rows: Sequence[ListedDevice],
    *,
    refused: DomainError | None = None,
    now: dt.datetime,
) -> bool:
    """Register rows of a list, all or none, or with `refused` only say so of one; False when their turn is over, because
    somebody else goes on with the list.
    """
    with atomic(scope):
        taken: DeviceImport | None = (
            DeviceImport.objects.select_for_update(skip_locked=True)
            .filter(id=import_id, status=ImportStatus.RUNNING, rows_done=at)
            .first()
        )
        if taken is None:
            return False
        if refused is None:
            _register_all(scope, taken, rows, now=now)
        else:
            taken.rows_refused += 1
            fault = Fault(rows[0].row, "serial_number", refused.code, refused.message)
            taken.faults = [*taken.faults, asdict(fault)][:MAX_FAULTS]
        taken.rows_done += len(rows)
        taken.updated_at = now
        if taken.rows_done == taken.rows_total:
            held = _told(taken)
            taken.status, taken.finished_at = ImportStatus.DONE, now
            record(db, "device_import.done", taken, before=held, after=_told(taken), now=now)
        taken.save(
            update_fields=["rows_done", "rows_refused", "faults", "status", "finished_at", "updated_at"]
        )
    return True


def _register_all(
    scope: TenantScope, taken: DeviceImport, rows: Sequence[ListedDevice], *, now: dt.datetime
) -> None:
    """Register rows in the name of whoever sent the list."""
    place = Place(psp_id=taken.psp_id, merchant_id=taken.merchant_id, store_id=taken.store_id)
    stores = _stores(place, rows)
    with acting("person" if taken.created_by.startswith("user:") else "partner", taken.created_by):
        for row in rows:
            _register(scope, taken, place, stores, row, now=now)


def _register(
    scope: TenantScope,
    taken: DeviceImport,
    place: Place,
    stores: Mapping[tuple[str, str], Store],
    row: ListedDevice,
    *,
    now: dt.datetime,
) -> None:
    code = Code(code_of(taken, row.serial_number), conf.PREREGISTRATION_CODE_TTL_S)
    said: dict[str, Any] = {
        "serial_number": row.serial_number,
        "model": row.model,
        "labels": row.labels,
        "livemode": taken.livemode,
        "code": code,
    }
    store_id = place.store_id
    if store_id is None and row.store_code:
        store = stores.get((row.merchant_code, row.store_code))
        if store is None:
            raise NotFound
        store_id = store.id
    if store_id is not None:
        register_device(scope=scope, store_id=store_id, name=row.name, now=now, **said)
    else:
        merchant = _merchants(place, [row]).get(row.merchant_code)
        merchant_id = merchant.id if merchant is not None else place.merchant_id
        preregister(scope=scope, psp_id=place.psp_id, merchant_id=merchant_id, now=now, **said)


def _rows(taken: DeviceImport) -> Iterator[ListedDevice]:
    for row in read_list(taken.content, in_store=taken.store_id is not None):
        if isinstance(row, ListedDevice):
            yield row


def _look_at(place: Place, text: str) -> tuple[list[ListedDevice], list[Fault]]:
    """The rows of a list and all that is wrong with them, in the order of rows."""
    rows: list[ListedDevice] = []
    faults: list[Fault] = []
    for each in read_list(text, in_store=place.store_id is not None):
        if isinstance(each, Fault):
            faults.append(each)
        else:
            rows.append(each)
        if len(faults) >= MAX_FAULTS:
            break
    faults += _place_faults(place, rows)
    faults += _serial_faults(place, rows)
    return rows, sorted(faults, key=lambda fault: fault.row)[:MAX_FAULTS]


def _place_faults(place: Place, rows: list[ListedDevice]) -> Iterator[Fault]:
    if place.store_id is not None:
        return
    merchants, stores = _merchants(place, rows), _stores(place, rows)
    for row in rows:
        if row.merchant_code and row.merchant_code not in merchants:
            yield Fault(row.row, "merchant_code", "not_found", "no such merchant")
        elif row.store_code and not row.merchant_code and place.merchant_id is None:
            yield Fault(row.row, "merchant_code", "required", "a store is named with its merchant")
        elif row.store_code:
            store = stores.get((row.merchant_code, row.store_code))
            if store is None:
                yield Fault(row.row, "store_code", "not_found", "no such store")
            elif store.status != DirectoryStatus.ACTIVE:
                yield Fault(row.row, "store_code", "parent_not_active", "the store is not active")


def _serial_faults(place: Place, rows: list[ListedDevice]) -> Iterator[Fault]:
    """Serial numbers that are taken. One that its vendor has announced is free for a row with a store."""
    serials = [row.serial_number for row in rows]
    with_store = {row.serial_number for row in rows if row.store_code or place.store_id is not None}
    living = Device.objects.filter(psp_id=place.psp_id, serial_number__in=serials)
    taken = set(living.exclude(status=DeviceStatus.REVOKED).values_list("serial_number", flat=True))
    announced = Preregistration.objects.filter(
        psp_id=place.psp_id, serial_number__in=serials, status__in=UNASSIGNED
    )
    taken |= set(announced.values_list("serial_number", flat=True)) - with_store
    for row in rows:
        if row.serial_number in taken:
            yield Fault(row.row, "serial_number", "serial_number_taken", "a living terminal has this number")


def _merchants(place: Place, rows: Sequence[ListedDevice]) -> dict[str, Merchant]:
    codes = {row.merchant_code for row in rows if row.merchant_code}
    if not codes:
        return {}
    found = Merchant.objects.filter(psp_id=place.psp_id, code__in=codes)
    if place.merchant_id is not None:
        found = found.filter(id=place.merchant_id)
    return {merchant.code: merchant for merchant in found}


def _stores(place: Place, rows: Sequence[ListedDevice]) -> dict[tuple[str, str], Store]:
    """The stores that rows name, by the codes of merchant and store as the rows write them."""
    codes = {row.store_code for row in rows if row.store_code}
    if not codes or place.store_id is not None:
        return {}
    merchants = {merchant.id: merchant.code for merchant in _merchants(place, rows).values()}
    if place.merchant_id is not None:
        merchants.setdefault(place.merchant_id, "")
    stores = Store.objects.filter(psp_id=place.psp_id, merchant_id__in=merchants, code__in=codes)
    found = {(merchants[store.merchant_id], store.code): store for store in stores}
    if place.merchant_id is not None:  # the merchant's own list need not name it
        found |= {("", store.code): store for store in stores}
    return found


def _told(taken: DeviceImport) -> dict[str, object]:
    """What the audit trail keeps of a list: everything but the list."""
    return {name: value for name, value in state(taken).items() if name not in {"content", "faults"}}
