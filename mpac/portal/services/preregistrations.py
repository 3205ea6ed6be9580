"""Terminals before they stand in a store: announced by their vendor, activated if they are unpacked early, then assigned.

Assigned, an entry becomes a device of the same id, so that what a terminal learned when it bound its key stays true. Until
then the token endpoint does not know it.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError

from kernel.audit import record, state
from kernel.errors import NotFound
from kernel.outbox import publish
from kernel.tenancy import Scope, TenantScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain import activation
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.domain.preregistrations import TRANSITIONS, PreregistrationStatus
from mpac.portal.errors import IllegalTransition, SerialNumberTaken
from mpac.portal.events import DeviceActivated
from mpac.portal.models import Device, DeviceStatusChange, Preregistration
from mpac.portal.selectors.hierarchy import get_merchant

# A number is announced or registered by one at a time: neither is in the other's table, so no index keeps them apart.
_HOLD = "SELECT pg_advisory_xact_lock(hashtextextended('portal.serial_number:' || %s || ':' || %s, 0))"
UNASSIGNED = (PreregistrationStatus.WAITING, PreregistrationStatus.ACTIVATED)


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code and how long it may be used."""

    text: str
    ttl_s: int


@dataclass(frozen=True, slots=True)
class Announced:
    """An entry and its one-time code, which is shown now and never again."""

    entry: Preregistration
    activation_code: str


def preregister(
    *,
    scope: Scope,
    psp_id: int | None,
    merchant_id: int | None,
    serial_number: str,
    model: str = "",
    labels: Mapping[str, str] | None = None,
    livemode: bool,
    code: Code | None = None,
    now: dt.datetime,
) -> Announced:
    """Announce a terminal of a merchant, or of the provider `psp_id`. Raises NotFound and SerialNumberTaken."""
    with atomic(scope):
        if merchant_id is None and isinstance(scope, TenantScope):
            merchant_id = scope.merchant_id
        if merchant_id is not None:
            psp_id = get_merchant(scope=scope, merchant_id=merchant_id).psp_id
        if psp_id is None:
            raise NotFound
        hold_serial_number(psp_id, serial_number)
        living = Device.objects.filter(psp_id=psp_id, serial_number=serial_number)
        if living.exclude(status=DeviceStatus.REVOKED).exists():
            raise SerialNumberTaken
        entry = Preregistration(
            psp_id=psp_id,
            merchant_id=merchant_id,
            serial_number=serial_number,
            model=model.strip(),
            labels=dict(labels or {}),
            livemode=livemode,
            updated_at=now,
        )
        text = set_code(entry, code or _long_code(), now=now)
        try:
            entry.save(force_insert=True)
        except IntegrityError as error:
            if "portal_preregistration_serial" in str(error):
                raise SerialNumberTaken from None
            raise
        record(db, "device_preregistration.created", entry, now=now)
    return Announced(entry, text)


def reissue_preregistration_code(*, scope: Scope, entry_id: uuid.UUID, now: dt.datetime) -> Announced:
    """A new code for a terminal that has bound no key; the old one is void. Raises NotFound and IllegalTransition."""
    with atomic(scope):
        entry = _lock(entry_id)
        if entry.status != PreregistrationStatus.WAITING:
            raise IllegalTransition(allowed=[])
        held = state(entry)
        text = set_code(entry, _long_code(), now=now)
        entry.updated_at = now
        entry.save()
        record(db, "device_preregistration.code_issued", entry, before=held, now=now)
    return Announced(entry, text)


def withdraw_preregistration(
    *, scope: Scope, entry_id: uuid.UUID, reason: str = "", now: dt.datetime
) -> Preregistration:
    """The terminal will not come. Raises NotFound and IllegalTransition."""
    with atomic(scope):
        entry = _lock(entry_id)
        if PreregistrationStatus.WITHDRAWN not in TRANSITIONS[PreregistrationStatus(entry.status)]:
            raise IllegalTransition(allowed=[])
        held = state(entry)
        entry.status = PreregistrationStatus.WITHDRAWN
        entry.activation_code_hash = ""
        entry.updated_at = now
        entry.save(update_fields=["status", "activation_code_hash", "updated_at"])
        record(db, "device_preregistration.withdrawn", entry, before=held, reason=reason, now=now)
    return entry


def hold_serial_number(psp_id: int, serial_number: str) -> None:
    """Let nobody else announce or register this number until the open transaction ends. Take it before the entry's row."""
    db.execute(_HOLD, [str(psp_id), serial_number])


def hold_unassigned(entry: Preregistration) -> Preregistration:
    """An entry that has no store, as it is now and stays until the open transaction ends. Raises IllegalTransition."""
    hold_serial_number(entry.psp_id, entry.serial_number)
    entry = _lock(entry.id)
    if entry.status not in UNASSIGNED:
        raise IllegalTransition(allowed=[])
    return entry


def take_announced(device: Device, *, now: dt.datetime) -> Preregistration | None:
    """Let a terminal that is about to be registered become what its vendor announced, if somebody did.

    Joins the transaction of the registration. Raises SerialNumberTaken when it is another merchant's.
    """
    entry: Preregistration | None = (
        Preregistration.objects.select_for_update()
        .filter(psp_id=device.psp_id, serial_number=device.serial_number, status__in=UNASSIGNED)
        .filter(livemode=device.livemode)
        .first()
    )
    if entry is None:
        return None
    if entry.merchant_id not in (None, device.merchant_id):
        raise SerialNumberTaken
    held = state(entry)
    device.id = entry.id
    device.model = device.model or entry.model
    device.labels = entry.labels | device.labels
    if entry.status == PreregistrationStatus.ACTIVATED:
        device.status = DeviceStatus.ACTIVE
        device.public_jwk, device.key_id = entry.public_jwk, entry.key_id
        device.activated_at = entry.activated_at
        # Its answer may have been lost: the same code with the same key gets it again.
        device.activation_code_hash = entry.activation_code_hash
        device.activation_expires_at = entry.activation_expires_at
    entry.status = PreregistrationStatus.ASSIGNED
    entry.activation_code_hash = ""
    entry.updated_at = now
    entry.save(update_fields=["status", "activation_code_hash", "updated_at"])
    record(db, "device_preregistration.assigned", entry, before=held, now=now)
    return entry


def announce_activation(device: Device, *, now: dt.datetime) -> None:
    """Write down and tell that a terminal is active. Joins the transaction that makes it so."""
    DeviceStatusChange.objects.create(
        psp_id=device.psp_id,
        merchant_id=device.merchant_id,
        store_id=device.store_id,
        device_id=device.id,
        from_status=DeviceStatus.REGISTERED,
        to_status=DeviceStatus.ACTIVE,
        actor=device.public_id,
        reason="activated with its code",
    )
    event = DeviceActivated(
        aggregate_id=device.public_id,
        psp_id=device.psp_id,
        merchant_id=device.merchant_id,
        store_id=device.store_id,
        device_id=device.public_id,
        key_id=device.key_id,
        livemode=device.livemode,
    )
    publish(db, event, now=now)


def set_code(row: Device | Preregistration, code: Code, *, now: dt.datetime) -> str:
    """Give a terminal a one-time code, before it is saved; returns the code, of which a hash is kept."""
    row.activation_code_hash = activation.hash_code(code.text, pepper=settings.SECRET_KEY)
    row.activation_expires_at = now + dt.timedelta(seconds=code.ttl_s)
    row.activation_attempts = 0
    return code.text


def _long_code() -> Code:
    return Code(activation.new_code(), conf.PREREGISTRATION_CODE_TTL_S)


def _lock(entry_id: uuid.UUID) -> Preregistration:
    entry: Preregistration | None = Preregistration.objects.select_for_update().filter(id=entry_id).first()
    if entry is None:
        raise NotFound
    return entry
