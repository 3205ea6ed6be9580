"""Handlers: how a context reacts to events of others, exactly once in effect.

A handler runs in a transaction of its own context that first writes `(consumer, event id)` into the inbox; if the row is
already there, the event has been handled. A handler with `own_transaction=False` manages its transactions itself (it
calls other contexts or the outside); its receipt is written when it returns, so its body must be idempotent.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kernel import origin
from kernel.db import ContextDb
from kernel.events import Event
from kernel.tenancy import Scope, SystemScope, TenantScope

E = TypeVar("E", bound=Event)
Function = Callable[..., None]

RECEIPT = "INSERT INTO inbox (consumer, event_id) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 1"
SEEN = "SELECT 1 FROM inbox WHERE consumer = %s AND event_id = %s"


@dataclass(frozen=True, slots=True)
class Handler:
    """One registered reaction to one event type."""

    consumer: str
    event: type[Event]
    db: ContextDb
    function: Function
    system: str | None
    own_transaction: bool
    identified: bool

    def scope(self, event: Event) -> Scope:
        if self.system or event.psp_id is None:
            return SystemScope(self.system or "relay")
        return TenantScope(event.psp_id, event.merchant_id)

    def handle(self, event: Event, *, event_id: uuid.UUID, now: dt.datetime) -> bool:
        """React to `event` unless that has been done; returns whether the function ran."""
        with origin.from_origin(origin.by_itself(self.consumer)):
            return self._handle(event, event_id=event_id, now=now)

    def _handle(self, event: Event, *, event_id: uuid.UUID, now: dt.datetime) -> bool:
        scope = self.scope(event)
        if not self.own_transaction:
            return self._handle_outside(event, scope, event_id=event_id, now=now)
        with self.db.atomic(scope):
            if not self.db.execute(RECEIPT, [self.consumer, event_id]):
                return False
            self._call(event, event_id=event_id, now=now)
        return True

    def _handle_outside(self, event: Event, scope: Scope, *, event_id: uuid.UUID, now: dt.datetime) -> bool:
        with self.db.atomic(scope):
            if self.db.execute(SEEN, [self.consumer, event_id]):
                return False
        self._call(event, event_id=event_id, now=now)
        with self.db.atomic(scope):
            self.db.execute(RECEIPT, [self.consumer, event_id])
        return True

    def _call(self, event: Event, *, event_id: uuid.UUID, now: dt.datetime) -> None:
        if self.identified:
            self.function(event, event_id=event_id, now=now)
        else:
            self.function(event, now=now)


_handlers: dict[str, list[Handler]] = {}


def handles(
    event: type[E],
    *,
    db: ContextDb,
    consumer: str,
    system: str | None = None,
    own_transaction: bool = True,
    identified: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function `(event, *, now)` as the reaction of `consumer` to `event`.

    An `identified` one also takes `event_id`, for what is to carry the event's own identity.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        existing = _handlers.setdefault(event.type, [])
        if all(handler.consumer != consumer for handler in existing):
            existing.append(Handler(consumer, event, db, function, system, own_transaction, identified))
        return function

    return register


def handlers_of(kind: str) -> list[Handler]:
    """Who reacts to an event type."""
    return _handlers.get(kind, [])


def has_handlers(kind: str) -> bool:
    """Whether anybody reacts to an event type."""
    return kind in _handlers


def handled_types() -> list[str]:
    """The event types that somebody reacts to."""
    return sorted(_handlers)
