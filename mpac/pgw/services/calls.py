"""Calls to providers, measured."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from kernel import metrics, tracing
from mpac.pgw.adapters.port import (
    Accepted,
    ActionRequired,
    Agreed,
    Approved,
    Authorized,
    ByHand,
    Declined,
    Done,
    NotProcessed,
    OperationOutcome,
    Outcome,
    Unknown,
    Voided,
)

R = TypeVar("R", bound=Outcome | OperationOutcome)

SUCCESS = (Approved, Authorized, ActionRequired, Agreed, Done, Accepted, Voided)


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """What a provider said, and how long it took."""

    outcome: R
    took_s: float

    @property
    def failed(self) -> bool:
        """Whether the provider did not do its part; a refusal of the payment is its part."""
        return isinstance(self.outcome, NotProcessed | Unknown)


def timed(provider: str, operation: str, call: Callable[[], R]) -> Answer[R]:
    """Make a call, and count it and its time."""
    started = time.perf_counter()
    with tracing.span("provider call", kind="client", provider=provider, operation=operation) as step:
        outcome = call()
        step.set(outcome=_word(outcome))
    took_s = round(time.perf_counter() - started, 3)
    metrics.observe_provider_call(
        provider=provider, operation=operation, outcome=_word(outcome), seconds=took_s
    )
    return Answer(outcome, took_s)


def measured(provider: str, operation: str, call: Callable[[], R]) -> R:
    """The same, for who does not care about the time."""
    return timed(provider, operation, call).outcome


def _word(outcome: Outcome | OperationOutcome) -> str:
    if isinstance(outcome, SUCCESS):
        return "success"
    words = {Declined: "declined", ByHand: "declined", NotProcessed: "not_processed", Unknown: "unknown"}
    return words.get(type(outcome), "pending")
