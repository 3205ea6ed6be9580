"""Working off what is due for all tenants so that nobody waits for anybody else's.

Work is claimed in turns: every provider's (PSP's) first, then every provider's second, and within one the same by merchant,
so that a long queue of one tenant delays itself alone. A tenant whose bank hangs has a few calls under way at most, and
the others' work is taken on meanwhile. A claim pushes the row's due time ahead, so that two workers never hold the same
row and a killed one's claims come back by themselves.
"""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from kernel import tracing
from kernel.logs import get_logger
from kernel.tenancy import SystemScope, TenantScope
from mpac.pgw import conf
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.probing import CLAIM_LEASE

logger = get_logger(__name__)
Q = TypeVar("Q")
A = TypeVar("A")

POLL_S = 0.25

# What is under way stands before what waits, so that it counts against its tenant's share.
TURNS = """
    WITH queue AS (
        SELECT NULL::uuid AS id, psp_id, merchant_id, '-infinity'::timestamptz AS due_at
        FROM unnest(%(psps)s::int[], %(merchants)s::int[]) AS under_way (psp_id, merchant_id)
        UNION ALL
        SELECT id, psp_id, merchant_id, {due_at} FROM {table} WHERE {condition} AND {due_at} <= %(now)s
    ), turns AS (
        SELECT *, row_number() OVER (PARTITION BY psp_id, merchant_id ORDER BY due_at) AS of_merchant FROM queue
    ), shares AS (
        SELECT *, row_number() OVER (PARTITION BY psp_id ORDER BY id IS NOT NULL, of_merchant, due_at) AS of_psp
        FROM turns WHERE of_merchant <= %(per_merchant)s
    ), due AS (
        SELECT t.id, s.of_psp, s.due_at FROM shares s JOIN {table} t ON t.id = s.id
        WHERE s.of_psp <= %(per_psp)s AND t.{due_at} <= %(now)s
        ORDER BY s.of_psp, s.due_at LIMIT %(room)s FOR UPDATE OF t SKIP LOCKED
    )
"""
CLAIM = (
    TURNS
    + """
    , claimed AS (
        UPDATE {table} t SET {due_at} = %(lease)s{counted} FROM due WHERE t.id = due.id
        RETURNING t.id, t.psp_id, t.merchant_id, due.of_psp, due.due_at
    )
    SELECT id, psp_id, merchant_id FROM claimed ORDER BY of_psp, claimed.due_at
"""
)


class Claim(NamedTuple):
    """A row that this worker holds for the length of its lease. Its tenant is empty while nobody knows it."""

    id: uuid.UUID
    psp_id: int | None
    merchant_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much one merchant and one provider may have under way at once."""

    per_merchant: int = conf.PROBES_PER_MERCHANT
    per_psp: int = conf.PROBES_PER_PSP


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A table of work: the column that says when a row is due, which rows count, and the column that counts the claims."""

    table: str
    due_at: str
    condition: str = "true"
    counter: str = ""

    def claim(
        self, scope: SystemScope, *, room: int, share: Share, under_way: Iterable[Claim], now: dt.datetime
    ) -> list[Claim]:
        """Claim up to `room` due rows, fairly; the first ones first."""
        counted = f", {self.counter} = {self.counter} + 1" if self.counter else ""
        sql = CLAIM.format(table=self.table, due_at=self.due_at, condition=self.condition, counted=counted)
        busy = list(under_way)
        values: dict[str, Any] = {
            "psps": [each.psp_id for each in busy],
            "merchants": [each.merchant_id for each in busy],
            "per_merchant": share.per_merchant,
            "per_psp": share.per_psp,
            "room": room,
            "now": now,
            "lease": now + CLAIM_LEASE,
        }
        with atomic(scope):
            return [Claim(*row) for row in db.execute(sql, values)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(Generic[Q, A]):
    """What is done with a claimed row: read what is needed, ask outside, which touches no database, and store the answer."""

    waiting: Waiting
    prepare: Callable[[Claim, dt.datetime], Q]
    ask: Callable[[Q, dt.datetime], A]
    apply: Callable[[A, dt.datetime], None]


def work_off(work: Work[Q, A], *, scope: SystemScope, now: dt.datetime) -> int:
    """Take on what is due, and what falls due meanwhile, until nothing is; returns how much it was.

    After a while only those are taken on who have nothing under way, so that the run comes to its end although somebody's
    bank hangs, and nobody else waits for that end. One that fails holds up no other.
    """
    started, count = time.monotonic(), 0
    running: dict[Future[A], Claim] = {}
    with ThreadPoolExecutor(max_workers=conf.PROBE_THREADS, thread_name_prefix="pgw-ask") as pool:
        while True:
            elapsed = time.monotonic() - started
            at = now + dt.timedelta(seconds=elapsed)
            for claim in _take_on(work.waiting, running.values(), scope, elapsed=elapsed, now=at):
                count += 1
                if (question := _prepared(work, claim, now=at)) is not None:
                    running[pool.submit(tracing.carried(work.ask), question, at)] = claim
            if not running:
                return count
            done, _open = wait(running, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for each in done:
                _apply(
                    work, each, running.pop(each), now=now + dt.timedelta(seconds=time.monotonic() - started)
                )


def tenant_of(claim: Claim) -> TenantScope:
    """Whose a claimed row is, for tables in which every row has a tenant."""
    if claim.psp_id is None:
        msg = "a row without a tenant"
        raise ValueError(msg)
    return TenantScope(claim.psp_id, claim.merchant_id)


def _take_on(
    waiting: Waiting, under_way: Iterable[Claim], scope: SystemScope, *, elapsed: float, now: dt.datetime
) -> list[Claim]:
    busy = list(under_way)
    room = conf.PROBE_THREADS - len(busy)
    if room <= 0 or elapsed >= conf.LAST_CLAIM_S:
        return []
    share = Share() if elapsed < conf.CLAIM_WINDOW_S else Share(per_merchant=1)
    return waiting.claim(scope, room=room, share=share, under_way=busy, now=now)


def _prepared(work: Work[Q, A], claim: Claim, *, now: dt.datetime) -> Q | None:
    try:
        return work.prepare(claim, now)
    except Exception:
        logger.exception("what is due cannot be read", table=work.waiting.table, id=str(claim.id))
        return None


def _apply(work: Work[Q, A], answered: Future[A], claim: Claim, *, now: dt.datetime) -> None:
    try:
        work.apply(answered.result(), now)
    except Exception:
        logger.exception("an answer could not be stored", table=work.waiting.table, id=str(claim.id))
