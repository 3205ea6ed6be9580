"""Finding out what became of refunds and captures whose outcome is open, and sending those that nobody sent.

They are claimed and asked about like attempts; see `resolution`. Where the provider was reached and never heard of one, the
same call is made again under the same key.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kernel.logs import get_logger
from kernel.tenancy import Scope, SystemScope
from mpac.pgw.adapters.port import NeverHeard, OperationOutcome
from mpac.pgw.services.capture_truth import apply_capture_truth
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.fairness import Waiting, Work, tenant_of, work_off
from mpac.pgw.services.operations import Operation, prepare_capture, prepare_refund
from mpac.pgw.services.refund_truth import apply_refund_truth

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Refunds or captures: where they lie, how their provider is called, how its answer is stored."""

    table: str
    prepare: Callable[[Scope, uuid.UUID, dt.datetime], Operation]
    apply: Callable[[Operation, OperationOutcome, LearnedFrom, dt.datetime], object]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the probe said and, when the call was made again, what that said."""

    operation: Operation
    probed: OperationOutcome | None = None
    reissued: OperationOutcome | None = None


REFUNDS = _Kind(
    "refunds",
    lambda scope, key, now: prepare_refund(scope=scope, refund_id=key, now=now),
    lambda operation, outcome, learned_from, now: apply_refund_truth(
        scope=operation.scope, refund_id=operation.key, outcome=outcome, learned_from=learned_from, now=now
    ),
)


CAPTURES = _Kind(
    "captures",
    lambda scope, key, now: prepare_capture(scope=scope, capture_id=key, now=now),
    lambda operation, outcome, learned_from, now: apply_capture_truth(
        scope=operation.scope, capture_id=operation.key, outcome=outcome, learned_from=learned_from, now=now
    ),
)


def resolve_due_captures(*, now: dt.datetime) -> int:
    """The same for captures."""
    return _resolve(CAPTURES, now=now)


def resolve_due_refunds(*, now: dt.datetime) -> int:
    """Ask about the refunds that are due and return how many there were. One that fails does not hold up the others."""
    return _resolve(REFUNDS, now=now)


def _resolve(kind: _Kind, *, now: dt.datetime) -> int:
    work = Work(
        waiting=Waiting(table=kind.table, due_at="next_probe_at", counter="probes"),
        prepare=lambda claim, at: kind.prepare(tenant_of(claim), claim.id, at),
        ask=_ask,
        apply=partial(_apply, kind),
    )
    return work_off(work, scope=SystemScope("resolver"), now=now)


def _ask(operation: Operation, _now: dt.datetime) -> _Answer:
    try:
        probed = operation.probe()
        return _Answer(operation, probed, operation.issue() if isinstance(probed, NeverHeard) else None)
    except Exception:
        logger.exception("a provider could not be asked", operation=str(operation.key))
        return _Answer(operation)


def _apply(kind: _Kind, answer: _Answer, now: dt.datetime) -> None:
    for outcome, learned_from in (
        (answer.probed, LearnedFrom.PROBE),
        (answer.reissued, LearnedFrom.REISSUE),
    ):
        if outcome is not None:
            kind.apply(answer.operation, outcome, learned_from, now)
