"""The relay delivers committed events to their handlers.

It claims due rows with FOR UPDATE SKIP LOCKED and a lease, so any number of relays may run; never by "position greater
than the last one seen", because positions are drawn before commit order is known. Only the oldest undelivered event of
an aggregate is ever claimed: a failing handler delays later events of that aggregate and nothing else.
"""

import datetime as dt
import select
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from django.db import InterfaceError, OperationalError, connections

from kernel import clock, events, handlers, jobs, tracing
from kernel.db import ContextDb
from kernel.errors import Unavailable
from kernel.handlers import Fact, Handler
from kernel.logs import get_logger
from kernel.outbox import CHANNEL
from kernel.scrubbing import scrub_text
from kernel.tenancy import Scope, SystemScope

logger = get_logger(__name__)

BATCH = 50
LEASE = dt.timedelta(seconds=30)
MAX_TRIES = 10
LONGEST_DELAY_S = 60.0
POLL_S = 0.5
JOBS_EVERY_S = 5.0
JOB_THREADS = 4
SCOPE = SystemScope("relay")
# An outage is nobody's fault: however long it lasts, the event is tried until it is over.
OUTAGES = (OperationalError, InterfaceError, Unavailable)

# Every provider's oldest event first, then every provider's second: a queue delays nobody but its tenant. The events of an
# aggregate wait for its oldest one.
TURN = "(CASE WHEN {0}psp_id IS NULL THEN 0 ELSE {0}psp_id END)"
CLAIM = f"""
    WITH RECURSIVE tenants (psp) AS (
        (SELECT {TURN.format("")} FROM outbox WHERE delivered_at IS NULL AND parked_at IS NULL ORDER BY 1 LIMIT 1)
        UNION ALL
        SELECT (SELECT {TURN.format("n.")} FROM outbox n
                WHERE n.delivered_at IS NULL AND n.parked_at IS NULL AND {TURN.format("n.")} > tenants.psp ORDER BY 1 LIMIT 1)
        FROM tenants WHERE tenants.psp IS NOT NULL
    ), waiting AS (
        SELECT d.*, row_number() OVER (PARTITION BY tenants.psp ORDER BY d.next_try_at, d.position) AS turn
        FROM tenants CROSS JOIN LATERAL (
            SELECT c.id, c.created_at, c.next_try_at, c.position FROM (
                SELECT id, created_at, next_try_at, position, aggregate_id FROM outbox
                WHERE delivered_at IS NULL AND parked_at IS NULL AND {TURN.format("")} = tenants.psp
                  AND next_try_at <= %(now)s AND type = ANY(%(types)s)
                ORDER BY next_try_at, position OFFSET 0 FOR UPDATE SKIP LOCKED
            ) c
            WHERE c.position <= (
                SELECT e.position FROM outbox e WHERE e.aggregate_id = c.aggregate_id
                  AND e.delivered_at IS NULL AND e.parked_at IS NULL AND e.type = ANY(%(types)s)
                ORDER BY e.position LIMIT 1)
            LIMIT %(batch)s
        ) d
    ), due AS (
        SELECT id, created_at, turn FROM waiting ORDER BY turn, next_try_at, position LIMIT %(batch)s
    )
    UPDATE outbox o SET tries = least(o.tries, 999) + 1, next_try_at = %(lease)s
    FROM due
    WHERE o.id = due.id AND o.created_at = due.created_at
    RETURNING o.id, o.created_at, o.psp_id, o.merchant_id, o.store_id, o.type, o.aggregate_id, o.payload, o.tries,
              o.position, due.turn
"""
DELIVERED = """
    UPDATE outbox SET delivered_at = %s, last_error = '' WHERE id = ANY(%s) AND created_at = ANY(%s)
"""
UNHANDLED = """
    UPDATE outbox o SET delivered_at = %(now)s
    FROM (SELECT id, created_at FROM outbox
          WHERE delivered_at IS NULL AND parked_at IS NULL AND type = ANY(%(types)s)
          LIMIT 5000 FOR UPDATE SKIP LOCKED) done
    WHERE o.id = done.id AND o.created_at = done.created_at
"""
FAILED = """
    UPDATE outbox SET next_try_at = %(next)s, last_error = %(error)s, parked_at = %(parked)s
    WHERE id = %(id)s AND created_at = %(created_at)s
"""
GIVE_BACK = """
    UPDATE outbox SET next_try_at = %(now)s
    WHERE id = ANY(%(ids)s) AND delivered_at IS NULL AND parked_at IS NULL AND next_try_at > %(now)s
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An outbox row that this relay holds for the length of its lease."""

    id: uuid.UUID
    created_at: dt.datetime
    base: dict[str, Any]
    type: str
    payload: dict[str, Any]
    tries: int
    position: int
    turn: int


class Claims:
    """What this relay claimed in one context within the length of a lease.

    A database that crashed may have lost the receipts of its last moments and kept the claims. Then the leases would hold
    up their aggregates for nothing: who made the claims can give them back.
    """

    def __init__(self) -> None:
        self.doubted: bool = False
        self._made: deque[tuple[dt.datetime, uuid.UUID]] = deque()

    def note(self, claimed: Sequence[Claimed], *, now: dt.datetime) -> None:
        """Remember claims, and forget those whose lease is over."""
        self._made.extend((now, message.id) for message in claimed)
        while self._made and self._made[0][0] < now - LEASE:
            self._made.popleft()

    def give_back(self, db: ContextDb, *, now: dt.datetime) -> None:
        """Make what has no receipt due at once; the inbox absorbs what was handled after all."""
        with db.atomic(SCOPE):
            db.execute(GIVE_BACK, {"now": now, "ids": [message_id for _, message_id in self._made]})
        self._made.clear()
        self.doubted = False


def deliver_due(db: ContextDb, *, now: dt.datetime, claims: Claims | None = None) -> int:
    """Claim one batch of due events of a context and bring each to all who react to it; returns how many were claimed.

    Who fails keeps an event from nobody else; their receipts make trying again safe.
    """
    claimed = _claim(db, now=now)
    if claims is not None:
        claims.note(claimed, now=now)
    if not claimed:
        return 0
    failures: dict[uuid.UUID, list[Exception]] = {message.id: [] for message in claimed}
    facts = [fact for message in claimed if (fact := _load(message, failures[message.id]))]
    for fact in facts:
        _react(fact, failures[fact.event_id])
    for handler, batch in _batches(facts):
        _react_together(handler, batch, failures)
    _settle(db, claimed, failures)
    return len(claimed)


def settle_unhandled(db: ContextDb, *, now: dt.datetime) -> None:
    """Mark events that nobody handles as delivered: they are history.

    A type that this version of the code does not know is left to the version that published it.
    """
    types = sorted(events.registered().keys() - set(handlers.handled_types()))
    with db.atomic(SCOPE):
        db.execute("SET LOCAL synchronous_commit = off")
        db.execute(UNHANDLED, {"now": now, "types": types})


def _claim(db: ContextDb, *, now: dt.datetime) -> list[Claimed]:
    with db.atomic(SCOPE):
        # A lost claim or receipt only means one more delivery, which the inbox absorbs.
        db.execute("SET LOCAL synchronous_commit = off")
        rows = db.execute(
            CLAIM, {"now": now, "lease": now + LEASE, "types": handlers.handled_types(), "batch": BATCH}
        )
    claimed = [
        Claimed(
            id=row[0],
            created_at=row[1],
            base={"psp_id": row[2], "merchant_id": row[3], "store_id": row[4], "aggregate_id": row[6]},
            type=row[5],
            payload=orjson.loads(row[7]),
            tries=row[8],
            position=row[9],
            turn=row[10],
        )
        for row in rows
    ]
    return sorted(claimed, key=lambda message: (message.turn, message.position))


def _load(message: Claimed, failures: list[Exception]) -> Fact | None:
    try:
        event = events.load(message.type, base=message.base, payload=message.payload)
        return Fact(event, message.id, message.payload.get(tracing.PARENT, ""))
    except Exception as error:
        logger.exception("event cannot be read", event_type=message.type, event_id=str(message.id))
        failures.append(error)
        return None


def _react(fact: Fact, failures: list[Exception]) -> None:
    """Let those react who take one event at a time."""
    for handler in handlers.handlers_of(fact.event.type):
        if not handler.together:
            _try(handler, fact, failures)


def _try(handler: Handler, fact: Fact, failures: list[Exception]) -> None:
    try:
        with tracing.span(
            "reaction",
            kind="consumer",
            parent=fact.trace,
            consumer=handler.consumer,
            type=fact.event.type,
            event_id=fact.event_id,
            aggregate_id=fact.event.aggregate_id,
        ):
            handler.handle(fact.event, event_id=fact.event_id, now=clock.now())
    except Exception as error:
        logger.exception(
            "handler failed",
            consumer=handler.consumer,
            event_type=fact.event.type,
            event_id=str(fact.event_id),
        )
        failures.append(error)


def _batches(facts: Sequence[Fact]) -> list[tuple[Handler, list[Fact]]]:
    """What to hand over together: the events of one tenant for one consumer, in their order."""
    batches: dict[tuple[str, Scope], tuple[Handler, list[Fact]]] = {}
    for fact in facts:
        for handler in handlers.handlers_of(fact.event.type):
            if handler.together:
                place = (handler.consumer, handler.scope(fact.event))
                batches.setdefault(place, (handler, []))[1].append(fact)
    return list(batches.values())


def _react_together(
    handler: Handler, facts: Sequence[Fact], failures: Mapping[uuid.UUID, list[Exception]]
) -> None:
    """Hand events over together, or one by one when that fails, so that one of them keeps no other."""
    if len(facts) > 1:
        try:
            with tracing.span("reactions", kind="consumer", consumer=handler.consumer, events=len(facts)):
                handler.handle_together(facts, now=clock.now())
        except Exception:
            logger.exception("events are handled one by one", consumer=handler.consumer, events=len(facts))
        else:
            return
    for fact in facts:
        _try(handler, fact, failures[fact.event_id])


def _settle(
    db: ContextDb, claimed: Sequence[Claimed], failures: Mapping[uuid.UUID, Sequence[Exception]]
) -> None:
    """Note who has been delivered, and when to try the others again."""
    now = clock.now()
    done = [message for message in claimed if not failures[message.id]]
    if done:
        with db.atomic(SCOPE):
            db.execute("SET LOCAL synchronous_commit = off")
            db.execute(DELIVERED, [now, [each.id for each in done], [each.created_at for each in done]])
    for message in claimed:
        if errors := failures[message.id]:
            outage = next((error for error in errors if isinstance(error, OUTAGES)), None)
            _postpone(db, message, outage or errors[0], now=now)


def _postpone(db: ContextDb, message: Claimed, error: Exception, *, now: dt.datetime) -> None:
    delay = min(0.2 * 2 ** min(message.tries, MAX_TRIES), LONGEST_DELAY_S)
    parked = now if message.tries >= MAX_TRIES and not isinstance(error, OUTAGES) else None
    if parked:
        logger.error("event parked", event_type=message.type, event_id=str(message.id))
    with db.atomic(SCOPE):
        db.execute(
            FAILED,
            {
                "next": now + dt.timedelta(seconds=delay),
                "error": scrub_text(f"{type(error).__name__}: {error}")[:2000],
                "parked": parked,
                "id": message.id,
                "created_at": message.created_at,
            },
        )


class Relay:
    """The relay process: deliver, and when nothing is due sleep until something is committed or the poll interval has
    passed. A context whose server is away does not keep the others waiting, and neither does an overdue job, however
    slow: jobs run beside the delivery, each in a thread of its own.
    """

    def __init__(self, databases: Sequence[ContextDb], *, dsns: Sequence[str]) -> None:
        self.databases = databases
        self.dsns = tuple(dict.fromkeys(dsns))
        self.listeners: dict[str, psycopg.Connection[Any]] = {}
        self.claims = {db.name: Claims() for db in databases}
        self.jobs: dict[str, threading.Thread] = {}
        self.stopping: bool = False
        self.upkeep_at = self.jobs_at = clock.now()

    def run(self) -> None:
        """Deliver until `stop` is called. Loses its connections without losing events: it reconnects and goes on."""
        while not self.stopping:
            self._listen()
            delivered = self._each(self._deliver)
            self._upkeep()
            if not delivered:
                self._wait()
        for connection in self.listeners.values():
            connection.close()
        connections.close_all()

    def stop(self) -> None:
        self.stopping = True

    def _deliver(self, db: ContextDb) -> int:
        now, claims = clock.now(), self.claims[db.name]
        if claims.doubted:
            claims.give_back(db, now=now)
        return deliver_due(db, now=now, claims=claims)

    def _each(self, step: Callable[[ContextDb], int | None]) -> int:
        """Take a step for every context and return the sum; a context that fails connects anew for the next one."""
        total = 0
        for db in self.databases:
            try:
                total += step(db) or 0
            except Exception:
                logger.exception("relay round failed; connecting anew", context=db.name)
                db.connection.close()
        return total

    def _upkeep(self) -> None:
        now = clock.now()
        if (now - self.upkeep_at).total_seconds() >= POLL_S:
            self.upkeep_at = now
            self._each(lambda db: settle_unhandled(db, now=now))
        if (now - self.jobs_at).total_seconds() >= JOBS_EVERY_S:
            self.jobs_at = now
            self._each(lambda db: self._start_overdue_jobs(db, now=now))

    def _start_overdue_jobs(self, db: ContextDb, *, now: dt.datetime) -> None:
        self.jobs = {name: thread for name, thread in self.jobs.items() if thread.is_alive()}
        for name in jobs.overdue(db, now=now):
            if name not in self.jobs and len(self.jobs) < JOB_THREADS:
                self.jobs[name] = threading.Thread(target=_run_job, args=(name,), name=name, daemon=True)
                self.jobs[name].start()

    def _listen(self) -> None:
        for dsn in self.dsns:
            if dsn in self.listeners:
                continue
            try:
                connection = psycopg.connect(dsn, autocommit=True, connect_timeout=5)
                connection.execute(f"LISTEN {CHANNEL}")
                self.listeners[dsn] = connection
                for claims in self.claims.values():  # a server that hung up may have crashed
                    claims.doubted = True
            except psycopg.Error as error:
                logger.warning("wake-ups are not heard; polling until they are", error=str(error))

    def _wait(self) -> None:
        readable, _, _ = select.select(self.listeners.values(), [], [], POLL_S)
        for dsn, connection in list(self.listeners.items()):
            if connection in readable:
                try:
                    for _ in connection.notifies(timeout=0):
                        pass
                except psycopg.Error:
                    connection.close()
                    del self.listeners[dsn]


def _run_job(name: str) -> None:
    try:
        jobs.run_slot(name, now=clock.now())
    except Exception:
        logger.exception("job could not be run", job=name)
    finally:
        connections.close_all()
