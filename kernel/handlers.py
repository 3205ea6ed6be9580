"""Handlers: how a context reacts to events of others, exactly once in effect.

A handler runs in a transaction of its own context that first writes `(consumer, event id)` into the inbox; if the row is
already there, the event has been handled. A handler with `own_transaction=False` manages its transactions itself (it
calls other contexts or the outside); its receipt is written when it returns, so its body must be idempotent. One that
takes events `together` gets those of one tenant that are due at the same time, in one transaction.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kernel import origin
from kernel.db import ContextDb
from kernel.events import Event
from kernel.tenancy import Scope, SystemScope, TenantScope

E = TypeVar("E", bound=Event)
Function = Callable[..., None]

RECEIPT = "INSERT INTO inbox (consumer, event_id) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 1"
RECEIPTS = """
    INSERT INTO inbox (consumer, event_id) SELECT %s, unnest(%s::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id
"""
SEEN = "SELECT 1 FROM inbox WHERE consumer = %s AND event_id = %s"


@dataclass(frozen=True, slots=True)
class Fact:
    """An event with its own identity, and the place in a trace that it came from."""

    event: Event
    event_id: uuid.UUID
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Handler:
    """One registered reaction to one event type."""

    consumer: str
    event: type[Event]
    db: ContextDb
    function: Function
    system: str | None
    own_transaction: bool
    together: bool

    def scope(self, event: Event) -> Scope:
        if self.system or event.psp_id is None:
            return SystemScope(self.system or "relay")
        return TenantScope(event.psp_id, event.merchant_id)

    def handle(self, event: Event, *, event_id: uuid.UUID, now: dt.datetime) -> bool:
        """React to `event` unless that has been done; returns whether the function ran."""
        if self.together:
            return self.handle_together([Fact(event, event_id)], now=now) == 1
        with origin.from_origin(origin.by_itself(self.consumer)):
            return self._handle(event, event_id=event_id, now=now)

    def _handle(self, event: Event, *, event_id: uuid.UUID, now: dt.datetime) -> bool:
        scope = self.scope(event)
        if not self.own_transaction:
            return self._handle_outside(event, scope, event_id=event_id, now=now)
        with self.db.atomic(scope):
            if not self.db.execute(RECEIPT, [self.consumer, event_id]):
                return False
            self.function(event, now=now)
        return True

    def handle_together(self, facts: Sequence[Fact], *, now: dt.datetime) -> int:
        """React to events of one scope in one transaction; returns how many of them were new."""
        with origin.from_origin(origin.by_itself(self.consumer)), self.db.atomic(self.scope(facts[0].event)):
            ids = [fact.event_id for fact in facts]
            new = {row[0] for row in self.db.execute(RECEIPTS, [self.consumer, ids])}
            if new:
                self.function([fact for fact in facts if fact.event_id in new], now=now)
        return len(new)

    def _handle_outside(self, event: Event, scope: Scope, *, event_id: uuid.UUID, now: dt.datetime) -> bool:
        with self.db.atomic(scope):
            if self.db.execute(SEEN, [self.consumer, event_id]):
                return False
        self.function(event, now=now)
        with self.db.atomic(scope):
            self.db.execute(RECEIPT, [self.consumer, event_id])
        return True


_handlers: dict[str, list[Handler]] = {}


def handles(
    event: type[E],
    *,
    db: ContextDb,
    consumer: str,
    system: str | None = None,
    own_transaction: bool = True,
    together: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function `(event, *, now)` as the reaction of `consumer` to `event`.

    One that takes events `together` is given a sequence of `Fact`s of one tenant instead, in its own transaction.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        existing = _handlers.setdefault(event.type, [])
        if all(handler.consumer != consumer for handler in existing):
            existing.append(Handler(consumer, event, db, function, system, own_transaction, together))
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
