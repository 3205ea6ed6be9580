"""Calls to providers, measured, and their words made fit to be kept and shown."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from kernel import metrics, tracing
from kernel.scrubbing import REDACTED, scrub_text
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
    Reversed,
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


def timed(provider: str, operation: str, call: Callable[[], R], *, token: str | None = None) -> Answer[R]:
    """Make a call, and count it and its time. `token` is the payment token in it, which its answer may repeat."""
    started = time.perf_counter()
    with tracing.span("provider call", kind="client", provider=provider, operation=operation) as step:
        outcome = _shown(call(), token)
        step.set(outcome=_word(outcome))
    took_s = round(time.perf_counter() - started, 3)
    metrics.observe_provider_call(
        provider=provider, operation=operation, outcome=_word(outcome), seconds=took_s
    )
    return Answer(outcome, took_s)


def measured(provider: str, operation: str, call: Callable[[], R], *, token: str | None = None) -> R:
    """The same, for who does not care about the time."""
    return timed(provider, operation, call, token=token).outcome


def _shown(outcome: R, token: str | None) -> R:
    """The same without secrets in the provider's words: they are kept, told to partners, and shown to payers."""
    if not isinstance(outcome, Declined | NotProcessed | Unknown | Reversed | ByHand):
        return outcome
    message = outcome.message.replace(token, REDACTED) if token else outcome.message
    return replace(outcome, message=scrub_text(message))


def _word(outcome: Outcome | OperationOutcome) -> str:
    if isinstance(outcome, SUCCESS):
        return "success"
    words = {Declined: "declined", ByHand: "declined", NotProcessed: "not_processed", Unknown: "unknown"}
    return words.get(type(outcome), "pending")
