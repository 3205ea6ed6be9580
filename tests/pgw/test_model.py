"""Whatever callers, bank and time do to an intent, in whatever order, the gateway says what the model says.

The suite tries a few examples; `MPAC_TEST_EXAMPLES=2000` is the promise.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kernel.errors import DomainError
from kernel.money import Money
from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import Declined, Done, WebhookTrust
from mpac.pgw.db import atomic
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.models import LatePayment, PaymentIntent, Refund
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.captures import NewCapture, capture_intent
from mpac.pgw.services.confirmation import confirm_intent
from mpac.pgw.services.inbound import Delivery, receive_webhook
from mpac.pgw.services.operation_resolution import resolve_due_captures, resolve_due_refunds
from mpac.pgw.services.refunds import NewRefund, refund_intent
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.conftest import SCOPE, Gateway
from tests.pgw.doubles import TIMEOUT, HoldingAdapter, answers
from tests.pgw.model import AMOUNT, LOST, NEVER, OK, REFUSED, TAKEN_UP, IntentModel, RefundModel, Refusal

EXAMPLES = int(os.environ.get("MPAC_TEST_EXAMPLES", "20"))
NO = answers(Declined(code="declined", message="No."))
WEEK_S = 7 * 24 * 3600
# What one example leaves behind is nobody's business in the next.
LEAVE_ALONE = """
    UPDATE pgw.{table} SET next_probe_at = next_probe_at + interval '1 year' WHERE next_probe_at < now() + interval '1 month'
"""
AMOUNTS = st.one_of(st.none(), st.sampled_from([1, 3000, 5000, 6000, AMOUNT, AMOUNT + 1]))
CALLS = st.sampled_from([OK, OK, OK, LOST, NEVER, REFUSED])


class Machine(RuleBasedStateMachine):
    """One intent at the gateway and in the model, step by step."""

    gateway: Gateway
    superuser: Any
    count = 0

    @initialize(manual=st.booleans())
    def begin(self, manual):
        Machine.count += 1
        self.keys, self.model = 0, IntentModel(manual)
        self.bank: HoldingAdapter = self.gateway.provider
        self.seconds = 0
        self.refund_ids: list[Any] = []
        self.intent = self.gateway.create(
            amount=Money(AMOUNT, "THB"),
            source="api",
            expires_in_s=WEEK_S,
            capture_method=CaptureMethod.MANUAL if manual else CaptureMethod.AUTOMATIC,
            idempotency_key=f"intent-{Machine.count}",
        )

    @rule(how=CALLS)
    def confirm(self, how):
        carried_out = self.bank.hold_and_hang if self.model.manual else answers(TIMEOUT)
        self.bank.on_create = self.behaviour(how, lost=carried_out)
        self.both(
            lambda: confirm_intent(scope=SCOPE, intent_id=self.intent.pk, now=self.now),
            lambda: self.model.confirm(how),
        )
        self.bank.on_create = []

    @precondition(lambda self: self.model.manual)
    @rule(amount=AMOUNTS, how=CALLS, final=st.booleans())
    def capture(self, amount, how, final):
        wanted = NewCapture(
            intent_id=self.intent.pk,
            amount_minor=amount,
            final=final,
            idempotency_key=self.key(),
            requested_by="x",
        )
        self.bank.on_capture = self.behaviour(how, lost=self.bank.take_and_hang)
        self.both(
            lambda: capture_intent(scope=SCOPE, wanted=wanted, now=self.now),
            lambda: self.model.capture(amount, how, final=final),
        )
        self.bank.on_capture = []

    @rule(amount=AMOUNTS, how=st.one_of(CALLS, st.just(TAKEN_UP)))
    def refund(self, amount, how):
        self.give_back(how, lambda: self.model.refund(amount, how), amount_minor=amount)

    @precondition(lambda self: self.refund_ids)
    @rule(data=st.data(), how=CALLS)
    def retry(self, data, how):
        number = self.choose(data)
        failed = self.model.refunds[number]
        self.give_back(how, lambda: self.model.retry(failed, how), retry_of=self.refund_ids[number])

    @rule(how=st.sampled_from([OK, LOST, NEVER]))
    def cancel(self, how):
        self.bank.on_void = self.behaviour(how, lost=self.bank.let_go_and_hang)
        self.both(
            lambda: cancel_intent(scope=SCOPE, intent_id=self.intent.pk, now=self.now),
            lambda: self.model.cancel(how),
        )
        self.bank.on_void = []

    @precondition(lambda self: not self.model.manual and self.bank_shows_a_qr())
    @rule()
    def customer_pays(self):
        """After the end the bank has to tell of it: nobody asks any more about what was paid, and seldom about the rest."""
        self.bank.pay(self.qr, Money(AMOUNT, "THB"))
        self.model.paid += 1
        if self.model.status != "requires_action":
            self.bank_tells_of_a_payment()

    @precondition(lambda self: self.model.paid)
    @rule()
    def bank_tells_of_a_payment(self):
        last = self.bank.payments[self.qr][-1]
        self.tell(self.bank.notice(self.qr, last.reference))
        self.model.learn_payments()

    @precondition(lambda self: self.refund_ids)
    @rule(data=st.data())
    def bank_tells_of_a_refund(self, data):
        number = self.choose(data)
        self.keys += 1
        self.tell(self.bank.refund_notice(self.operation_key(number), str(self.keys)))
        self.model.learn_refund(self.model.refunds[number])

    @precondition(lambda self: self.refund_ids)
    @rule(data=st.data())
    def bank_goes_on_with_a_refund(self, data):
        """What was taken up is carried out, and what was carried out may come back."""
        number = self.choose(data)
        refund, key = self.model.refunds[number], self.operation_key(number)
        if refund.at_bank == "taken_up":
            self.bank.refunds[key] = Done(reference=f"DONE-{key}", amount=Money(refund.amount, "THB"))
            refund.at_bank = "done"
        elif refund.at_bank == "done":
            self.bank.return_refund(key)
            refund.at_bank = "returned"

    @rule()
    def time_passes(self):
        """Until everything was asked about again; what a bank has taken up is asked about every hour in the end."""
        for wait in (3, 3, 5, 8, 13, 20, 30, 45, 60, 60, 60, 3600):
            self.seconds += wait
            for resolve in (resolve_due_attempts, resolve_due_captures, resolve_due_refunds):
                resolve(now=self.now)
        self.model.learn_everything()

    @invariant()
    def gateway_says_what_the_model_says(self):
        if not hasattr(self, "intent"):
            return
        with atomic(SCOPE):
            found = PaymentIntent.objects.get(pk=self.intent.pk)
            statuses = dict(Refund.objects.filter(intent=found).values_list("pk", "status"))
            late = LatePayment.objects.filter(intent=found).count()
        assert found.status == self.model.status
        assert {name: getattr(found, f"{name}_minor") for name in self.model.sums} == self.model.sums
        refunds = [refund.status for refund in self.model.refunds]
        assert [statuses[refund_id] for refund_id in self.refund_ids] == refunds
        assert (late, len(statuses)) == (self.model.late, len(refunds) + self.model.late)

    def teardown(self):
        if hasattr(self, "intent"):
            self.time_passes()
            self.gateway_says_what_the_model_says()
            self.books_agree()
        for table in ("payment_attempts", "captures", "refunds"):
            self.superuser.execute(LEAVE_ALONE.format(table=table))

    def books_agree(self) -> None:
        """In the end the bank's own books hold what the gateway says, and late money has gone back."""
        model = self.model
        with atomic(SCOPE):
            keys = list(self.intent.attempts.values_list("provider_key", flat=True))
            returns = Refund.objects.filter(intent=self.intent).exclude(late_payment=None)
            assert {refund.status for refund in returns} <= {"completed"}
        held = [self.bank.holds[key] for key in keys if key in self.bank.holds]
        paid = sum(len(self.bank.payments.get(key, ())) for key in keys)
        assert sum(hold.taken for hold in held) + paid * AMOUNT == model.captured + model.late * AMOUNT
        if model.status in {"succeeded", "cancelled", "failed"}:
            assert all(hold.left == 0 for hold in held)
        for number, refund in enumerate(model.refunds):
            outcome = self.bank.refunds.get(self.operation_key(number))
            assert (refund.status == "completed") <= (outcome is not None)

    # --- how a step is taken ---

    @property
    def now(self):
        return self.gateway.later(self.seconds)

    @property
    def qr(self) -> str:
        key: str = self.gateway.attempt(self.intent).provider_key
        return key

    def bank_shows_a_qr(self) -> bool:
        return self.model.status == "requires_action" or self.model.paid > 0

    def key(self) -> str:
        self.keys += 1
        return f"{Machine.count}-{self.keys}"

    def choose(self, data) -> int:
        return data.draw(st.integers(0, len(self.refund_ids) - 1))

    def operation_key(self, number: int) -> str:
        with atomic(SCOPE):
            key: str = Refund.objects.get(pk=self.refund_ids[number]).operation_key
        return key

    def behaviour(self, how: str, *, lost: Any) -> list[Any]:
        known = {
            OK: [],
            LOST: [lost],
            NEVER: [answers(TIMEOUT)],
            REFUSED: [NO],
            TAKEN_UP: [self.bank.take_up],
        }
        return list(known[how])

    def give_back(self, how: str, modelled: Callable[[], RefundModel], **changes: Any) -> None:
        wanted = NewRefund(
            intent_id=self.intent.pk, reason="x", idempotency_key=self.key(), requested_by="x", **changes
        )
        self.bank.on_refund = self.behaviour(how, lost=self.bank.give_back_and_hang)
        made = self.both(lambda: refund_intent(scope=SCOPE, wanted=wanted, now=self.now), modelled)
        self.bank.on_refund = []
        if made is not None:
            self.refund_ids.append(made.pk)

    def tell(self, body: bytes) -> None:
        receive_webhook(delivery=Delivery(provider="fake", headers={}, body=body), now=self.now)

    def both(self, real: Callable[[], Any], modelled: Callable[[], Any]) -> Any:
        """Take a step at the gateway and in the model; both accept it or both refuse."""
        try:
            modelled()
        except Refusal:
            with pytest.raises(DomainError):
                real()
            return None
        return real()


@pytest.fixture
def provider(mirrored):
    adapter = HoldingAdapter()
    adapter.capabilities = replace(adapter.capabilities, webhook_trust=WebhookTrust.SIGNED)
    registry.register(adapter)
    yield adapter
    registry._adapters.pop("fake")


@pytest.mark.usefixtures("healthy")
def test_is_followed_through_any_steps(gateway, superuser):
    machine = type("IntentMachine", (Machine,), {"gateway": gateway, "superuser": superuser, "count": 0})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=16,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # an example is short; to shrink it takes longer than to read it
            suppress_health_check=list(HealthCheck),
        ),
    )
