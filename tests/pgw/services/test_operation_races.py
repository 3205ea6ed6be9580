"""At the same instant ...

Every round is a new intent; `MPAC_TEST_ROUNDS` says how many there are.
"""

import random
from collections import Counter
from functools import partial

import pytest

from kernel.money import Money
from mpac.pgw.adapters.port import Declined, ProviderPayment
from mpac.pgw.db import atomic
from mpac.pgw.errors import CaptureExceedsHold, IllegalIntentTransition, RefundExceedsCapture
from mpac.pgw.models import LatePayment, Refund
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.inbound import Delivery, receive_webhook
from mpac.pgw.services.operation_resolution import resolve_due_captures, resolve_due_refunds
from mpac.pgw.services.refund_truth import apply_refund_truth
from mpac.pgw.services.resolution import resolve_due_attempts
from mpac.pgw.services.truth import apply_provider_truth
from tests.pgw.conftest import SCOPE
from tests.pgw.crowd import ROUNDS, Crowd
from tests.pgw.doubles import TIMEOUT, answers

pytestmark = pytest.mark.usefixtures("healthy")

HUNDRED = Money(10000, "THB")
NO = Declined(code="declined", message="No.")


@pytest.fixture
def provider(holding):
    return holding


@pytest.fixture
def dice():
    return random.Random(4)


def paid(gateway, **changes):
    intent = gateway.shown(amount=HUNDRED, **changes)
    gateway.pay(intent, amount=HUNDRED)
    gateway.probe(intent)
    return intent


def resolve(gateway) -> None:
    """Everything that is still open, until nothing is."""
    for second in range(30, 300, 30):
        for job in (resolve_due_attempts, resolve_due_captures, resolve_due_refunds):
            job(now=gateway.later(second))


def test_one_of_two_refunds_of_60_of_100_is_accepted(gateway, provider, refunds):
    with Crowd(2) as crowd:
        for number in range(ROUNDS):
            intent = paid(gateway)
            wanted = [f"{number}-{side}" for side in "ab"]
            outcomes = crowd.at_once(
                [partial(refunds.give, intent, 6000, idempotency_key=key) for key in wanted]
            )
            assert Counter(type(outcome) for outcome in outcomes) == {Refund: 1, RefundExceedsCapture: 1}
            assert refunds.sums(intent) == (0, 6000)
    assert provider.given_back() == 6000 * ROUNDS


def test_one_of_two_captures_of_60_of_100_is_accepted(gateway, provider, captures):
    refusals = {CaptureExceedsHold, IllegalIntentTransition}
    with Crowd(2) as crowd:
        for number in range(ROUNDS):
            intent = captures.held(amount=HUNDRED)
            wanted = [f"{number}-{side}" for side in "ab"]
            outcomes = crowd.at_once(
                [partial(captures.take, intent, 6000, idempotency_key=key) for key in wanted]
            )
            assert sum(type(outcome) in refusals for outcome in outcomes) == 1
            assert captures.sums(intent)[1:] == (0, 6000)
    assert provider.taken() == 6000 * ROUNDS


def test_the_same_key_has_one_refund(gateway, provider, refunds):
    with Crowd(4) as crowd:
        for number in range(ROUNDS):
            intent = paid(gateway)
            crowd.at_once([partial(refunds.give, intent, 1000, idempotency_key=f"{number}")] * 4)
            assert refunds.sums(intent) == (0, 1000)
    assert provider.given_back() == 1000 * ROUNDS


def test_success_failure_probe_and_cancel_end_in_the_banks_truth(gateway, provider, dice):
    def tell(intent, outcome):
        return apply_provider_truth(
            scope=SCOPE,
            attempt_id=gateway.attempt(intent).pk,
            outcome=outcome,
            learned_from=LearnedFrom.PROBE,
            now=gateway.now,
        )

    intents = []
    with Crowd(4) as crowd:
        for _ in range(ROUNDS):
            if dice.random() < 0.3:
                provider.on_create.append(answers(TIMEOUT))
            intent = gateway.shown(amount=HUNDRED, source="api")
            key = gateway.attempt(intent).provider_key
            reference = gateway.pay(intent, amount=HUNDRED) if dice.random() < 0.7 else "NEVER"
            notice = Delivery(provider="fake", headers={}, body=provider.notice(key, reference))
            at_once = [
                partial(receive_webhook, delivery=notice, now=gateway.now),
                partial(tell, intent, NO),
                partial(resolve_due_attempts, now=gateway.later(11)),
                partial(cancel_intent, scope=SCOPE, intent_id=intent.pk, now=gateway.now),
            ]
            dice.shuffle(at_once)
            crowd.at_once(at_once)
            intents.append((intent, key))
    resolve(gateway)
    for intent, key in intents:
        ends_in_the_banks_truth(gateway, provider, intent, key)


def ends_in_the_banks_truth(gateway, provider, intent, key) -> None:
    """Money that the bank took is on its intent or has gone back; money that it did not take is nowhere."""
    found = gateway.intent(intent)
    with atomic(SCOPE):
        late = [each.status for each in LatePayment.objects.filter(intent=intent)]
        given = list(Refund.objects.filter(intent=intent).values_list("operation_key", flat=True))
    if key not in provider.payments:
        assert (found.captured_minor, late) == (0, [])
        assert found.status in {"cancelled", "requires_payment_method", "failed"}
    elif late == ["returned"]:
        assert (found.status, found.captured_minor) == ("cancelled", 0)
        assert [provider.refunds[each].amount for each in given] == [HUNDRED]
    else:
        assert (found.status, found.captured_minor, late) in [
            ("succeeded", 10000, []),
            ("succeeded", 10000, ["accepted"]),
        ]


def test_capture_void_probe_and_a_lost_answer_end_in_the_banks_truth(gateway, provider, captures, dice):
    intents = []
    with Crowd(4) as crowd:
        for number in range(ROUNDS):
            intent = captures.held(amount=HUNDRED)
            provider.on_capture += dice.choice([[], [provider.take_and_hang], [answers(TIMEOUT)]])
            provider.on_void += dice.choice([[], [provider.let_go_and_hang], [answers(TIMEOUT)]])
            at_once = [
                partial(captures.take, intent, 6000, idempotency_key=f"{number}"),
                partial(cancel_intent, scope=SCOPE, intent_id=intent.pk, now=gateway.now),
                partial(resolve_due_attempts, now=gateway.later(6)),
                partial(resolve_due_captures, now=gateway.later(31)),
            ]
            dice.shuffle(at_once)
            crowd.at_once(at_once)
            intents.append(intent)
    provider.on_capture.clear()
    provider.on_void.clear()
    resolve(gateway)
    for intent in intents:
        found, hold = gateway.intent(intent), provider.holds[gateway.attempt(intent).provider_key]
        assert (found.captured_minor, found.capturing_minor) == (hold.taken, 0)
        assert found.status == ("succeeded" if hold.taken else "cancelled")
        assert hold.released


def test_success_failure_and_probe_of_a_refund_end_in_the_banks_truth(gateway, provider, refunds, dice):
    def tell(refund, outcome, learned_from):
        return apply_refund_truth(
            scope=SCOPE, refund_id=refund.pk, outcome=outcome, learned_from=learned_from, now=gateway.now
        )

    made = []
    with Crowd(4) as crowd:
        for _ in range(ROUNDS):
            behaviour = dice.choice([answers(TIMEOUT), provider.give_back_and_hang])
            provider.on_refund.append(behaviour)
            refund = refunds.give(paid(gateway), 6000)
            truth = provider.refunds.get(refund.operation_key)
            notice = provider.refund_notice(refund.operation_key)
            at_once = [
                partial(tell, refund, truth or NO, LearnedFrom.WEBHOOK),
                partial(tell, refund, NO, LearnedFrom.PROBE),
                partial(resolve_due_refunds, now=gateway.later(5)),
                partial(
                    receive_webhook,
                    delivery=Delivery(provider="fake", headers={}, body=notice),
                    now=gateway.now,
                ),
            ]
            dice.shuffle(at_once)
            crowd.at_once(at_once)
            made.append(refund)
    resolve(gateway)
    for refund in made:
        done = refund.operation_key in provider.refunds
        given = 6000 if done else 0
        assert refunds.get(refund).status == ("completed" if done else "failed")
        assert refunds.sums(refund.intent) == (0, given)
    assert sum(refunds.sums(refund.intent)[1] for refund in made) == provider.given_back()


def test_two_notices_of_one_payment_count_once(gateway, provider):
    with Crowd(2) as crowd:
        for number in range(ROUNDS):
            intent = gateway.shown(amount=HUNDRED)
            payment = ProviderPayment(reference=f"BANK-{number}", amount=HUNDRED)
            provider.payments[gateway.attempt(intent).provider_key].append(payment)
            crowd.at_once([partial(gateway.probe, intent)] * 2)
            assert gateway.intent(intent).captured_minor == 10000
    with atomic(SCOPE):
        assert not LatePayment.objects.exists()
