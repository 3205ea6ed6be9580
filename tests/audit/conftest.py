"""Records of a provider and of the platform, appended as the relay does it."""

import datetime as dt
import uuid
from typing import Any

import pytest

from kernel import clock, handlers, ids
from kernel.audit import AuditRecorded
from kernel.tenancy import SystemScope
from mpac.audit.db import atomic
from mpac.audit.models import AuditChain, AuditEvent

ALL = SystemScope("invariants")
PSP, OTHER = 7, 8


@pytest.fixture
def now() -> dt.datetime:
    return clock.now()


def recorded(psp_id: int | None = PSP, **changes: Any) -> AuditRecorded:
    """A record as some context writes it."""
    values: dict[str, Any] = {
        "aggregate_id": "audit:device:dev_1",
        "psp_id": psp_id,
        "context": "portal",
        "action": "device.suspended",
        "object_type": "device",
        "object_id": "dev_1",
        "actor_kind": "person",
        "actor_id": "user:5",
        "acting_as": "",
        "livemode": None,
        "before": {"status": "active"},
        "after": {"status": "suspended", "share": 0.1, "note": "kaffe ☕"},
        "reason": "lost",
        "request_id": "req-1",
        "address": "192.0.2.1",
        "user_agent": "curl",
        "occurred_at": clock.now(),
    }
    return AuditRecorded(**(values | changes))


def deliver(
    event: AuditRecorded, *, event_id: uuid.UUID | None = None, now: dt.datetime | None = None
) -> bool:
    """Hand a record to audit's handler; returns whether it was new."""
    (handler,) = handlers.handlers_of(AuditRecorded.type)
    return handler.handle(event, event_id=event_id or ids.uuid7(), now=now or clock.now())


def write(count: int, psp_id: int | None = PSP) -> None:
    for number in range(count):
        deliver(recorded(psp_id, object_id=f"dev_{number}"))


def events(psp_id: int | None = PSP) -> list[AuditEvent]:
    with atomic(ALL):
        return list(AuditEvent.objects.filter(psp_id=psp_id).order_by("sequence"))


def head(psp_id: int = PSP) -> AuditChain:
    with atomic(ALL):
        return AuditChain.objects.get(psp_id=psp_id)
