"""However a provider's notices come, twice, late, never or in any order, and whichever answers to our calls were lost ...

A life is a charge that is held, captured, given back in two parts and disputed. Its notices are kept back and delivered
between the caller's steps as the dice fall. `MPAC_TEST_ROUNDS=1000` is the promise.
"""

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from mpac.pgw.services.captures import NewCapture, capture_intent
from mpac.pgw.services.refunds import NewRefund, refund_intent
from tests.pgw.adapters.kits import KITS
from tests.pgw.conftest import SCOPE
from tests.pgw.faults.lives import UNASKED, Offer
from tests.pgw.faults.world import Gateway, World

pytestmark = pytest.mark.usefixtures("healthy")

ROUNDS = int(os.environ.get("MPAC_TEST_ROUNDS", "3"))
SIGNED = [
    pytest.param(Offer(kit=kit, way=way, held=True), id=kit.name)
    for kit in KITS.values()
    for way in kit.ways
    if kit.secrets[0] and way.holds
]
LOST_ANSWER, LOST_NOTICE, TWICE, TIME = 0.3, 0.15, 0.2, 0.1
SOON_S, LONG_S = 20, 240


class Mailbox:
    """Takes every notice and keeps it."""

    def __init__(self) -> None:
        self.notices: list[httpx2.Request] = []

    def receive(self, request: httpx2.Request) -> httpx2.Response:
        self.notices.append(request)
        return httpx2.Response(200, text="[accepted]")


@dataclass
class Model:
    """What must come out, from what the caller and the payer wanted alone."""

    captured: int
    refunds: list[int]
    dispute: list[str]

    @property
    def end(self) -> dict[str, Any]:
        return {
            "status": "succeeded",
            "sums": (self.captured, 0, self.captured, 0, sum(self.refunds)),
            "attempts": ["captured"],
            "captures": [("completed", self.captured)],
            "refunds": sorted(("completed", amount) for amount in self.refunds),
            "late": 0,
            "disputes": self.dispute[-1:],
        }


def imagine(dice: random.Random, offer: Offer) -> Model:
    whole = offer.way.amount.amount_minor
    captured = dice.choice([whole, whole // 2])
    first = dice.randrange(1, captured - 1)
    second = dice.randrange(1, captured - first + 1)
    end = dice.choice([[], ["won"], ["lost"], ["under_review", "lost"], ["won", "lost"]])
    return Model(captured, [first, second], dice.choice([[], ["opened", *end]]))


@dataclass
class Life:
    """One life, step by step."""

    world: World
    offer: Offer
    model: Model
    dice: random.Random
    mailbox: Mailbox
    postman: Gateway
    done: list[str] = field(default_factory=list)
    delivered: list[httpx2.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.intent = self.world.intent(self.offer.kit, self.offer.way, held=True)
        refunds = [f"refund {number}" for number in range(len(self.model.refunds))]
        payer = ["agree"] if self.offer.is_shown else []
        self.ahead = ["confirm", *payer, "capture", *refunds, *self.model.dispute]

    def go(self) -> None:
        """Steps, notices and time, as the dice fall; then all that was not lost arrives, and time brings the rest."""
        while self.ahead or self.mailbox.notices:
            may_step = bool(self.ahead) and self.is_possible(self.ahead[0])
            if self.dice.random() < TIME or not (may_step or self.mailbox.notices):
                self.pass_time(SOON_S)
            elif may_step and (not self.mailbox.notices or self.dice.random() < 0.6):
                self.step(self.ahead.pop(0))
            else:
                self.deliver()
        self.pass_time(LONG_S)

    def is_possible(self, step: str) -> bool:
        needed = {
            "confirm": "requires_confirmation",
            "agree": "requires_action",
            "capture": "requires_capture",
        }
        return self.world.status_of(self.intent) == needed.get(step, "succeeded")

    def step(self, step: str) -> None:
        """The caller does the next thing, and may lose its answer."""
        world, now = self.world, self.world.now
        operation = {"confirm": "create", "capture": "capture"}.get(step, "refund")
        if step in self.model.dispute:
            self.complain(step)
            return
        if step == "agree":
            self.agree()
            return
        if self.dice.random() < LOST_ANSWER:
            world.town.strike(self.offer.kit.name, operation, "500_after", times=1)
        match step.split():
            case ["confirm"]:
                world.confirm(self.intent, self.offer.way)
            case ["capture"]:
                by = {"idempotency_key": world.key(), "requested_by": "x"}
                wanted = NewCapture(intent_id=self.intent.pk, amount_minor=self.model.captured, **by)
                capture_intent(scope=SCOPE, wanted=wanted, now=now)
            case ["refund", number]:
                by = {"idempotency_key": world.key(), "requested_by": "x", "reason": "x"}
                amount = self.model.refunds[int(number)]
                refund_intent(
                    scope=SCOPE,
                    wanted=NewRefund(intent_id=self.intent.pk, amount_minor=amount, **by),
                    now=now,
                )
        world.arrive()

    def agree(self) -> None:
        """The payer follows the link."""
        shown = self.world.facts_of(self.intent).intent.next_action
        assert self.world.town.scan(shown["url"], timeout_s=5) == 200
        self.world.arrive()

    def complain(self, status: str) -> None:
        [charge] = self.world.town.books()["charges"]
        body = {"provider": charge["provider"], "provider_reference": charge["provider_reference"]}
        answer = self.world.town.http.post("/__dispute", json={**body, "status": status, "reason": "fraud"})
        assert answer.status_code == 200
        self.world.arrive()

    def deliver(self) -> None:
        """One of the notices that wait, or one again; some are never delivered."""
        if self.delivered and self.dice.random() < TWICE:
            self.hand_over(self.dice.choice(self.delivered))
            return
        notice = self.mailbox.notices.pop(self.dice.randrange(len(self.mailbox.notices)))
        if self.can_be_lost(notice) and self.dice.random() < LOST_NOTICE:
            self.done.append("lost")
            return
        self.hand_over(notice)
        self.delivered.append(notice)

    def can_be_lost(self, notice: httpx2.Request) -> bool:
        """Of disputes, and by a provider that cannot be asked, nothing is heard in another way."""
        is_of_dispute = b"dispute" in notice.content.lower() or b"chargeback" in notice.content.lower()
        return self.offer.kit.name != UNASKED and not is_of_dispute

    def hand_over(self, notice: httpx2.Request) -> None:
        answer = self.postman._receive(notice)
        assert answer.status_code == 200, answer
        self.done.append("delivered")

    def pass_time(self, seconds: int) -> None:
        for _ in self.world.dues(until=self.world.later(seconds)):
            pass

    @property
    def end(self) -> dict[str, Any]:
        facts = self.world.facts_of(self.intent)
        intent = facts.intent
        disputes = self.world.superuser.execute(
            "SELECT status FROM pgw.disputes WHERE intent_id = %s", [self.intent.pk]
        ).fetchall()
        return {
            "status": intent.status,
            "sums": (
                intent.authorized_minor,
                intent.capturing_minor,
                intent.captured_minor,
                intent.refunding_minor,
                intent.refunded_minor,
            ),
            "attempts": [attempt.status for attempt in facts.attempts],
            "captures": [(capture.status, capture.amount_minor) for capture in facts.captures],
            "refunds": sorted((refund.status, refund.amount_minor) for refund in facts.refunds),
            "late": len(facts.late),
            "disputes": [status for (status,) in disputes],
        }


@pytest.mark.parametrize("offer", SIGNED)
def test_it_ends_as_the_model_says(world, notified, offer):
    happened = Counter()
    for seed in range(ROUNDS):
        dice, mailbox = random.Random(seed), Mailbox()
        world.begin()
        world.town.merchant = mailbox
        model = imagine(dice, offer)
        life = Life(world, offer, model, dice, mailbox, notified)
        life.go()
        assert life.end == model.end, f"seed {seed}: {life.done}"
        happened.update(life.done)
    assert happened["delivered"] >= 4 * ROUNDS
