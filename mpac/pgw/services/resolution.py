"""Finding out what became of attempts whose outcome is open, and watching those that were closed without money.

What a payer turns out to have agreed to is finished in the next turn.
Due attempts are claimed fairly and asked about by several threads at once, outside any transaction; see `fairness`.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from kernel.logs import get_logger
from kernel.tenancy import SystemScope
from mpac.pgw.adapters.port import Authorized, Outcome, Pending
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.domain.probing import MAX_REISSUES
from mpac.pgw.services.asking import Question, prepare_question
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.fairness import Claim, Waiting, Work, tenant_of, work_off
from mpac.pgw.services.finishing import begin_finish
from mpac.pgw.services.tries import is_held_after_all, is_recallable, is_shown_in_vain, is_unwanted
from mpac.pgw.services.truth import apply_provider_truth

logger = get_logger(__name__)

WAITING = Waiting(table="payment_attempts", due_at="next_probe_at", counter="probes")


@dataclass(frozen=True, slots=True)
class _Turn:
    """An attempt to ask about, or to finish."""

    question: Question
    finishes: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was said about an attempt, in its order."""

    question: Question
    said: tuple[tuple[Outcome, LearnedFrom], ...] = ()


def resolve_due_attempts(*, now: dt.datetime) -> int:
    """Ask about the attempts that are due and return how many there were. One that fails does not hold up the others."""
    return work_off(
        Work(waiting=WAITING, prepare=_read, ask=_ask, apply=_apply), scope=SystemScope("resolver"), now=now
    )


def _read(claim: Claim, now: dt.datetime) -> _Turn:
    question = prepare_question(scope=tenant_of(claim), attempt_id=claim.id, now=now)
    return _Turn(question, finishes=begin_finish(question, now=now))


def _may_reissue(question: Question, *, now: dt.datetime) -> bool:
    """Whether the same call may be made again under the same key, if the probe finds nothing."""
    attempt, adapter = question.attempt, question.adapter
    wanted = attempt.intent.cancel_requested_at is None and attempt.intent.expires_at > now
    unanswered = (
        attempt.status in {AttemptStatus.SENT, AttemptStatus.UNKNOWN}
        and attempt.finish_sent_at is None
        and attempt.probes < MAX_REISSUES
    )
    return adapter is not None and adapter.capabilities.reissue and wanted and unanswered


def _can_be_asked(question: Question) -> bool:
    """Whether the provider has such a question; to one that has not, the same call under the same key is the question."""
    return question.adapter is None or question.adapter.capabilities.probe


def _may_recall(question: Question, *, now: dt.datetime) -> bool:
    """Whether a charge that its provider cannot be asked about is to be called off, whatever became of it."""
    attempt, adapter = question.attempt, question.adapter
    if adapter is None or adapter.capabilities.probe or not adapter.capabilities.void:
        return False
    return is_recallable(attempt, now=now) or is_held_after_all(attempt)


def _ask(turn: _Turn, now: dt.datetime) -> _Answer:
    question = turn.question
    try:
        if turn.finishes:
            return _Answer(question, ((question.finish(), LearnedFrom.ANSWER),))
        return _Answer(question, tuple(_conversation(question, now=now)))
    except Exception:
        logger.exception("a provider could not be asked", attempt=str(question.attempt.pk))
        return _Answer(question)


def _conversation(question: Question, *, now: dt.datetime) -> Iterator[tuple[Outcome, LearnedFrom]]:
    """Ask, and do at once what the answer calls for: repeat a call that never arrived, let go what nobody wants.

    What was held is let go and what was shown is withdrawn until the provider says that it is, or that it was paid.
    """
    unwanted = is_unwanted(question.attempt, now=now)
    if question.attempt.status == AttemptStatus.AUTHORIZED and unwanted:
        yield question.void(), LearnedFrom.ANSWER
        return
    if is_shown_in_vain(question.attempt, now=now):
        yield question.withdraw()
        return
    probed = question.probe()
    yield probed, LearnedFrom.PROBE
    if (isinstance(probed, Authorized) and unwanted) or _may_recall(question, now=now):
        yield question.void(), LearnedFrom.ANSWER
    elif (isinstance(probed, Pending) or not _can_be_asked(question)) and _may_reissue(question, now=now):
        yield question.create(), LearnedFrom.REISSUE


def _apply(answer: _Answer, now: dt.datetime) -> None:
    for outcome, learned_from in answer.said:
        apply_provider_truth(
            scope=answer.question.scope,
            attempt_id=answer.question.attempt.pk,
            outcome=outcome,
            learned_from=learned_from,
            now=now,
        )
