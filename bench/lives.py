"""How the seeded payments went: what each of them leaves behind, and when, in milliseconds after its beginning."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

PAID = -1  # stands for the moment at which the payer did what was asked for
ENDED = -2  # stands for the moment at which the intent's time was over
LIFETIME_MS = 1_800_000
SLOWEST_PAYER_MS = 600_000
NULL = r"\N"
INTENT, ATTEMPT = "intent", "attempt"


class Step(NamedTuple):
    """A step of the intent, or of its attempt."""

    subject: str
    sequence: int
    source: str | None
    target: str
    actor: str
    at: int


@dataclass(frozen=True, kw_only=True)
class Life:
    """One way that a payment can go."""

    weight: float
    status: str
    version: int
    method: str = "qr_code"
    provider: str | None = "scb"
    attempt: str = ""
    steps: tuple[Step, ...]
    events: tuple[tuple[str, int], ...]
    answers: tuple[tuple[str, str, int], ...] = ()
    notice: bool = False

    @property
    def paid(self) -> bool:
        return self.status == "succeeded"

    @property
    def ended(self) -> bool:
        return len(self.steps) > 1

    @cached_property
    def offsets(self) -> frozenset[int]:
        """Every moment of this life."""
        moments = [step.at for step in self.steps]
        return frozenset(moments + [at for _, at in self.events] + [at for _, _, at in self.answers])

    @cached_property
    def tails(self) -> list[tuple[Step, str]]:
        """The steps with what is the same in all their rows."""
        return [
            (step, f"\t{step.sequence}\t{step.source or NULL}\t{step.target}\t{step.actor}\t\n")
            for step in self.steps
        ]


BEGUN = (
    Step(INTENT, 1, None, "requires_confirmation", "caller", 20),
    Step(ATTEMPT, 1, None, "created", "caller", 85),
    Step(INTENT, 2, "requires_confirmation", "processing", "caller", 70),
    Step(ATTEMPT, 2, "created", "sent", "caller", 85),
)
SHOWN = (
    *BEGUN,
    Step(ATTEMPT, 3, "sent", "requires_action", "answer", 180),
    Step(INTENT, 3, "processing", "requires_action", "answer", 188),
)
CREATED = ("created", 28)
PROCESSING = ("processing", 90)
ACTION = ("action_required", 192)
QR_SHOWN = ("answer", "requires_action", 175)

LIVES = (
    Life(
        weight=0.55,
        status="succeeded",
        version=4,
        attempt="captured",
        steps=(
            *SHOWN,
            Step(ATTEMPT, 4, "requires_action", "captured", "webhook", PAID),
            Step(INTENT, 4, "requires_action", "succeeded", "webhook", PAID),
        ),
        events=(CREATED, PROCESSING, ACTION, ("succeeded", PAID)),
        answers=(QR_SHOWN, ("webhook", "captured", PAID)),
        notice=True,
    ),
    Life(
        weight=0.15,
        status="succeeded",
        version=3,
        method="credit_card",
        provider="stripe",
        attempt="captured",
        steps=(
            *BEGUN,
            Step(ATTEMPT, 3, "sent", "captured", "answer", 480),
            Step(INTENT, 3, "processing", "succeeded", "answer", 486),
        ),
        events=(CREATED, PROCESSING, ("succeeded", 490)),
        answers=(("answer", "captured", 478),),
    ),
    Life(
        weight=0.05,
        status="failed",
        version=3,
        method="credit_card",
        provider="stripe",
        attempt="error",
        steps=(
            *BEGUN,
            Step(ATTEMPT, 3, "sent", "error", "answer", 400),
            Step(INTENT, 3, "processing", "failed", "answer", 405),
        ),
        events=(CREATED, PROCESSING, ("failed", 410)),
        answers=(("answer", "error", 396),),
    ),
    Life(
        weight=0.05,
        status="cancelled",
        version=4,
        attempt="voided",
        steps=(
            *SHOWN,
            Step(ATTEMPT, 4, "requires_action", "voided", "caller", 60_000),
            Step(INTENT, 4, "requires_action", "cancelled", "caller", 60_004),
        ),
        events=(CREATED, PROCESSING, ACTION, ("cancelled", 60_010)),
        answers=(QR_SHOWN,),
    ),
    Life(
        weight=0.1995,
        status="expired",
        version=2,
        provider=None,
        steps=(
            BEGUN[0],
            Step(INTENT, 2, "requires_confirmation", "expired", "clock", ENDED),
        ),
        events=(CREATED, ("expired", ENDED)),
    ),
    # Few are still open.
    Life(
        weight=0.0005,
        status="requires_confirmation",
        version=1,
        provider=None,
        steps=BEGUN[:1],
        events=(CREATED,),
    ),
)
