"""The fleet, as people steer it: registering terminals, handing out activation codes, suspending and revoking."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError

from kernel.audit import record, state
from kernel.errors import FieldError, Invalid, NotFound
from kernel.outbox import publish
from kernel.tenancy import Scope, SystemScope, TenantScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain import activation
from mpac.portal.domain.devices import TRANSITIONS, DeviceStatus
from mpac.portal.errors import IllegalTransition, ParentNotActive, SerialNumberTaken
from mpac.portal.events import DeviceRegistered, DeviceStatusChanged
from mpac.portal.models import Device, DeviceStatusChange
from mpac.portal.selectors.devices import get_device
from mpac.portal.selectors.hierarchy import get_store
from mpac.portal.selectors.imports import get_preregistration
from mpac.portal.services.preregistrations import (
    Code,
    announce_activation,
    hold_serial_number,
    hold_unassigned,
    set_code,
    take_announced,
)
from mpac.portal.services.revocations import lift_revocation, revoke_tokens_of

# What each move is called in the audit trail.
ACTIONS = {
    DeviceStatus.SUSPENDED: "device.suspended",
    DeviceStatus.ACTIVE: "device.resumed",
    DeviceStatus.REVOKED: "device.revoked",
}


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A terminal and its one-time code, which is shown now and never again; None once its key is bound."""

    device: Device
    activation_code: str | None


def register_device(
    *,
    scope: Scope,
    store_id: int,
    name: str,
    model: str,
    serial_number: str,
    livemode: bool,
    labels: Mapping[str, str] | None = None,
    replaces_id: uuid.UUID | None = None,
    code: Code | None = None,
    now: dt.datetime,
) -> RegisteredDevice:
    """Announce a terminal of a store, in the place of another if it has one. One that its vendor has announced keeps its
    identity, its key if it has bound one, and what is not said here.

    Raises Invalid, NotFound, ParentNotActive and SerialNumberTaken.
    """
    serial_number = serial_number.strip()
    if not serial_number:
        raise Invalid(errors=[FieldError("serial_number", "required", "a serial number is required")])
    with atomic(scope):
        store = get_store(scope=scope, store_id=store_id)
    with atomic(whole_provider(scope, store.psp_id)):  # its vendor may have announced it to the provider
        if not store.is_active:
            raise ParentNotActive
        device = Device(
            psp_id=store.psp_id,
            merchant_id=store.merchant_id,
            store_id=store.id,
            name=name.strip() or serial_number,
            model=model.strip(),
            serial_number=serial_number,
            livemode=livemode,
            labels=dict(labels or {}),
            replaces_id=replaces_id,
            updated_at=now,
        )
        hold_serial_number(store.psp_id, serial_number)
        announced = take_announced(device, now=now)
        activation_code = None if device.status == DeviceStatus.ACTIVE else _new_code(device, now, code)
        try:
            device.save(force_insert=True)
        except IntegrityError as error:
            if "serial_number" in str(error):
                raise SerialNumberTaken from None
            raise
        publish(db, DeviceRegistered(device_id=device.public_id, **place_of(device)), now=now)
        record(db, "device.registered", device, now=now)
        if announced is not None and device.status == DeviceStatus.ACTIVE:
            announce_activation(device, now=now)
    return RegisteredDevice(device, activation_code)


def assign_device(
    *, scope: Scope, entry_id: uuid.UUID, store_id: int, name: str = "", now: dt.datetime
) -> RegisteredDevice:
    """Give a terminal that its vendor announced a store. Raises NotFound, IllegalTransition and ParentNotActive."""
    entry = get_preregistration(scope=scope, entry_id=entry_id)
    store = get_store(scope=scope, store_id=store_id)
    whole = whole_provider(scope, entry.psp_id)
    with atomic(whole):
        entry = hold_unassigned(entry)
        if store.psp_id != entry.psp_id or entry.merchant_id not in (None, store.merchant_id):
            raise NotFound
        return register_device(
            scope=whole,
            store_id=store_id,
            name=name,
            model=entry.model,
            serial_number=entry.serial_number,
            livemode=entry.livemode,
            now=now,
        )


def reissue_activation_code(*, scope: Scope, device_id: uuid.UUID, now: dt.datetime) -> RegisteredDevice:
    """A new code for a terminal that has not been activated; the old one is void. Raises NotFound, IllegalTransition."""
    with atomic(scope):
        device: Device | None = Device.objects.select_for_update().filter(id=device_id).first()
        if device is None:
            raise NotFound
        if device.status != DeviceStatus.REGISTERED:
            raise IllegalTransition(allowed=list(_allowed_moves(DeviceStatus(device.status))))
        held = state(device)
        code = _new_code(device, now)
        device.updated_at = now
        device.save()
        record(db, "device.activation_code_issued", device, before=held, now=now)
    return RegisteredDevice(device, code)


def suspend_device(
    *, scope: Scope, device_id: uuid.UUID, actor: str, reason: str = "", now: dt.datetime
) -> Device:
    """Stop a terminal for now: its tokens are refused within seconds. Raises NotFound and IllegalTransition."""
    return _move(
        DeviceStatus.SUSPENDED, scope=scope, device_id=device_id, actor=actor, reason=reason, now=now
    )


def resume_device(
    *, scope: Scope, device_id: uuid.UUID, actor: str, reason: str = "", now: dt.datetime
) -> Device:
    """Let a suspended terminal work again, with the key it has. Raises NotFound and IllegalTransition."""
    return _move(DeviceStatus.ACTIVE, scope=scope, device_id=device_id, actor=actor, reason=reason, now=now)


def revoke_device(
    *, scope: Scope, device_id: uuid.UUID, actor: str, reason: str = "", now: dt.datetime
) -> Device:
    """Trust a terminal's key never again. Raises NotFound and IllegalTransition."""
    return _move(DeviceStatus.REVOKED, scope=scope, device_id=device_id, actor=actor, reason=reason, now=now)


def _move(
    target: DeviceStatus, *, scope: Scope, device_id: uuid.UUID, actor: str, reason: str, now: dt.datetime
) -> Device:
    """One guarded UPDATE, one history row, one event, one change of what tokens are believed."""
    with atomic(scope):
        device: Device | None = Device.objects.select_for_update().filter(id=device_id).first()
        if device is None:
            raise NotFound
        before = DeviceStatus(device.status)
        if target not in _allowed_moves(before):
            raise IllegalTransition(allowed=list(_allowed_moves(before)))
        Device.objects.filter(id=device_id, status=before).update(
            status=target, activation_code_hash="", activation_expires_at=None, updated_at=now
        )
        DeviceStatusChange.objects.create(
            psp_id=device.psp_id,
            merchant_id=device.merchant_id,
            store_id=device.store_id,
            device_id=device.id,
            from_status=before,
            to_status=target,
            actor=actor,
            reason=reason,
        )
        if target is DeviceStatus.ACTIVE:
            lift_revocation(scope=scope, subject=device.public_id, now=now)
        elif before is DeviceStatus.ACTIVE:
            revoke_tokens_of(scope=scope, subject=device.public_id, psp_id=device.psp_id, now=now)
        event = DeviceStatusChanged(
            device_id=device.public_id,
            from_status=before,
            to_status=target,
            reason=reason,
            **place_of(device),
        )
        publish(db, event, now=now)
        moved = get_device(scope=scope, device_id=device_id)
        record(db, ACTIONS[target], moved, before=state(device), reason=reason, now=now)
        return moved


def _allowed_moves(status: DeviceStatus) -> frozenset[DeviceStatus]:
    """Where a person may move a terminal; only the terminal itself makes `registered` active."""
    targets = TRANSITIONS[status]
    return targets - {DeviceStatus.ACTIVE} if status is DeviceStatus.REGISTERED else targets


def _new_code(device: Device, now: dt.datetime, wanted: Code | None = None) -> str:
    """Give a terminal a code: the one that is wanted, or any."""
    return set_code(device, wanted or Code(activation.new_code(), conf.activation_code_ttl_s()), now=now)


def whole_provider(scope: Scope, psp_id: int) -> Scope:
    """The scope of the whole provider of somebody who was found to be allowed what they ask for below it."""
    return scope if isinstance(scope, SystemScope) else TenantScope(psp_id, livemode=scope.livemode)


def place_of(device: Device) -> dict[str, Any]:
    """Whose a terminal is, as its events say."""
    return {
        "aggregate_id": device.public_id,
        "psp_id": device.psp_id,
        "merchant_id": device.merchant_id,
        "store_id": device.store_id,
    }
