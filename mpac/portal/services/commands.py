"""Telling terminals to do something, handing it to them, and taking down what they say about it.

A command is handed out at least once: whoever asks gets it again until it has an end, and the terminal knows by its id what
it has done already. Each step is a guarded update with a row of history, in the transaction of what it brings about.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kernel import ids
from kernel.audit import record, state
from kernel.clock import rfc3339
from kernel.errors import NotFound
from kernel.outbox import publish
from kernel.scrubbing import scrub
from kernel.tenancy import Scope, SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.commands import (
    OPEN,
    RESULTS,
    TRANSITIONS,
    CommandKind,
    CommandStatus,
    fit_parameters,
)
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.errors import DeviceNotActive, IllegalTransition, ResultGiven
from mpac.portal.events import CommandFinished, CommandsCreated
from mpac.portal.models import Command, CommandBatch, CommandStatusChange, Device
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.selectors.devices import get_device

EXPIRED_AT_A_TIME = 500
PLATFORM = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be done, until when, and who says so and why."""

    kind: CommandKind
    parameters: Mapping[str, Any] = field(default_factory=dict)
    expires_in_s: int
    sent_by: str
    reason: str = ""

    def columns(self, now: dt.datetime) -> dict[str, Any]:
        """As a command or a batch keeps it. Raises MisfitParameters."""
        return {
            "kind": self.kind,
            "parameters": fit_parameters(self.kind, self.parameters),
            "sent_by": self.sent_by,
            "reason": self.reason,
            "expires_at": now + dt.timedelta(seconds=self.expires_in_s),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a terminal says about a command: that it has begun, or how it ended."""

    status: CommandStatus
    code: str = ""
    detail: str = ""
    data: Mapping[str, str] = field(default_factory=dict)

    def kept(self) -> dict[str, Any]:
        """As it is kept: terminals may write what nobody should read."""
        said = {"code": self.code, "detail": self.detail, "data": dict(self.data)}
        return {"status": str(self.status), **scrub(said)}


def send_command(*, scope: Scope, device_id: uuid.UUID, order: Order, now: dt.datetime) -> Command:
    """Tell one terminal to do something. Raises NotFound, DeviceNotActive and MisfitParameters."""
    columns = order.columns(now)
    with atomic(scope):
        device = get_device(scope=scope, device_id=device_id)
        if device.status != DeviceStatus.ACTIVE:
            raise DeviceNotActive
        command = new_command(device, columns)
        command.save(force_insert=True)
        announce_commands([command], owner=command, now=now)
        record(db, "command.created", command, reason=order.reason, now=now)
    return command


def new_command(device: Device, columns: Mapping[str, Any], *, batch_id: uuid.UUID | None = None) -> Command:
    """A command that is not saved yet."""
    return Command(
        psp_id=device.psp_id,
        merchant_id=device.merchant_id,
        store_id=device.store_id,
        device_id=device.id,
        livemode=device.livemode,
        batch_id=batch_id,
        **columns,
    )


def announce_commands(commands: list[Command], *, owner: Command | CommandBatch, now: dt.datetime) -> None:
    """Publish that terminals have something to fetch, in the open transaction; `owner` says whose the news are."""
    event = CommandsCreated(
        aggregate_id=owner.public_id,
        psp_id=owner.psp_id,
        merchant_id=owner.merchant_id,
        store_id=owner.store_id,
        commands=[
            {
                "command_id": each.public_id,
                "kind": str(each.kind),
                "expires_at": rfc3339(each.expires_at),
                "device_id": ids.encode(DEVICE, each.device_id),
                "psp_id": each.psp_id,
                "merchant_id": each.merchant_id,
                "store_id": each.store_id,
            }
            for each in commands
        ],
    )
    publish(db, event, now=now)


def cancel_command(*, scope: Scope, command_id: uuid.UUID, actor: str, now: dt.datetime) -> Command:
    """Call a command off that no terminal knows of. Raises NotFound and IllegalTransition."""
    with atomic(scope):
        command = _locked(Command.objects.filter(id=command_id))
        _end_overdue(command, now)
        before = state(command)
        step(command, CommandStatus.CANCELLED, actor=actor, now=now, finished_at=now)
        record(db, "command.cancelled", command, before=before, now=now)
    return command


def hand_out_commands(*, scope: Scope, device_id: uuid.UUID, limit: int, now: dt.datetime) -> list[Command]:
    """What a terminal has to do, the oldest first; from now on it knows. A terminal that is not active has nothing."""
    with atomic(scope):
        if not Device.objects.filter(id=device_id, status=DeviceStatus.ACTIVE).exists():
            return []
        due = Command.objects.filter(device_id=device_id, status__in=OPEN, expires_at__gt=now)
        commands = list(due.order_by("pk").select_for_update()[:limit])
        for command in commands:
            if command.status == CommandStatus.QUEUED:
                step(command, CommandStatus.SENT, actor=_name(device_id), now=now, sent_at=now)
    return commands


def take_result(
    *, scope: Scope, device_id: uuid.UUID, command_id: uuid.UUID, result: Result, now: dt.datetime
) -> Command:
    """Take down what a terminal says about its command. Saying the same again is fine.

    Raises NotFound, IllegalTransition for a command that was not handed out, and ResultGiven for another result than the
    one before. What comes after the command expired is kept beside it and changes nothing.
    """
    said = result.kept()
    with atomic(scope):
        command = _locked(Command.objects.filter(id=command_id, device_id=device_id))
        _end_overdue(command, now)
        status = CommandStatus(command.status)
        if status in {CommandStatus.QUEUED, CommandStatus.CANCELLED}:
            raise IllegalTransition(allowed=[])
        if result.status is CommandStatus.ACKNOWLEDGED:
            if status is CommandStatus.SENT:
                step(command, result.status, actor=_name(device_id), now=now, acknowledged_at=now)
        elif status in OPEN:
            before = state(command)
            step(command, result.status, actor=_name(device_id), now=now, result=said, finished_at=now)
            record(db, f"command.{result.status}", command, before=before, now=now)
        elif status is CommandStatus.EXPIRED and command.late_result is None:
            before = state(command)
            command.late_result = said
            command.save(update_fields=["late_result"])
            record(db, "command.late_result", command, before=before, now=now)
        elif said != (command.result or command.late_result):
            raise ResultGiven
    return command


def expire_commands(*, now: dt.datetime) -> int:
    """End what was not done in time, a few at a time; returns how many."""
    ended = 0
    while True:
        with atomic(SystemScope("expiry")):
            overdue = Command.objects.filter(status__in=OPEN, expires_at__lte=now).order_by("expires_at")
            commands = list(overdue.select_for_update(skip_locked=True)[:EXPIRED_AT_A_TIME])
            for command in commands:
                _end_overdue(command, now)
        ended += len(commands)
        if len(commands) < EXPIRED_AT_A_TIME:
            return ended


def step(command: Command, to: CommandStatus, *, actor: str, now: dt.datetime, **columns: Any) -> None:
    """One guarded UPDATE, one row of history, and at the end an event; under the lock of the command's row.

    Raises IllegalTransition.
    """
    was = CommandStatus(command.status)
    if to not in TRANSITIONS[was]:
        raise IllegalTransition(allowed=[] if was not in OPEN else sorted(TRANSITIONS[was] - RESULTS))
    Command.objects.filter(id=command.id, status=was).update(status=to, **columns)
    command.status = to
    for name, value in columns.items():
        setattr(command, name, value)
    whose = {
        "psp_id": command.psp_id,
        "merchant_id": command.merchant_id,
        "store_id": command.store_id,
    }
    CommandStatusChange.objects.create(
        **whose, command_id=command.id, from_status=was, to_status=to, actor=actor
    )
    if to not in OPEN:
        event = CommandFinished(
            aggregate_id=command.public_id,
            **whose,
            command_id=command.public_id,
            device_id=ids.encode(DEVICE, command.device_id),
            kind=str(command.kind),
            status=str(to),
        )
        publish(db, event, now=now)


def _end_overdue(command: Command, now: dt.datetime) -> None:
    """What is overdue has expired, also before the job has come by."""
    if command.status in OPEN and command.expires_at <= now:
        step(command, CommandStatus.EXPIRED, actor=PLATFORM, now=now, finished_at=now)


def _locked(found: Any) -> Command:
    command: Command | None = found.select_for_update().first()
    if command is None:
        raise NotFound
    return command


def _name(device_id: uuid.UUID) -> str:
    return ids.encode(DEVICE, device_id)
