"""What the facts of a payment amount to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpac.smarttab.domain.payments import PaymentFacts, change_due, payment_state, status_of
from mpac.smarttab.domain.states import CAPTURED_STATUSES, PAYMENT_TRANSITIONS, PaymentState, PaymentStatus


@st.composite
def facts(draw):
    amount = draw(st.integers(1, 10**15))
    captured = draw(st.sampled_from([0, amount]) | st.integers(0, amount))
    return PaymentFacts(
        amount_minor=amount,
        captured_minor=captured,
        refunded_minor=draw(st.sampled_from([0, captured]) | st.integers(0, captured)),
        disputed_minor=draw(st.just(0) | st.integers(0, captured)),
        is_started=draw(st.booleans()),
        has_failed=draw(st.booleans()),
        is_cancelled=draw(st.booleans()),
    )


@given(facts())
def test_captured_money_decides_the_status_and_nothing_else_does(known):
    assert (status_of(known) in CAPTURED_STATUSES) == (known.captured_minor > 0)


@given(facts())
def test_any_change_of_captured_facts_is_a_legal_step(known):
    before = status_of(known)
    after = status_of(
        PaymentFacts(
            amount_minor=known.amount_minor,
            captured_minor=known.amount_minor,
            is_started=known.is_started,
            has_failed=known.has_failed,
            is_cancelled=known.is_cancelled,
        )
    )
    assert after is PaymentStatus.COMPLETED
    assert before is after or after in PAYMENT_TRANSITIONS[before]


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ({}, "pending"),
        ({"is_started": True}, "processing"),
        ({"is_started": True, "has_failed": True}, "failed"),
        ({"is_started": True, "is_cancelled": True}, "cancelled"),
        ({"captured_minor": 100}, "completed"),
        ({"captured_minor": 100, "has_failed": True}, "completed"),
        ({"captured_minor": 100, "refunded_minor": 1}, "partially_refunded"),
        ({"captured_minor": 100, "refunded_minor": 100}, "refunded"),
        ({"captured_minor": 100, "refunded_minor": 100, "disputed_minor": 1}, "disputed"),
    ],
)
def test_facts_reduce_to_one_status(known, status):
    assert status_of(PaymentFacts(amount_minor=100, **known)).value == status


@pytest.mark.parametrize(
    "impossible",
    [
        {"amount_minor": 0},
        {"amount_minor": 100, "captured_minor": 101},
        {"amount_minor": 100, "captured_minor": -1},
        {"amount_minor": 100, "captured_minor": 50, "refunded_minor": 51},
        {"amount_minor": 100, "refunded_minor": 1},
        {"amount_minor": 100, "captured_minor": 50, "disputed_minor": 51},
    ],
)
def test_facts_that_cannot_be_true_together_are_refused(impossible):
    with pytest.raises(ValueError):
        PaymentFacts(**impossible)


@pytest.mark.parametrize(
    ("total", "paid", "refunded", "state"),
    [
        (100, 0, 0, PaymentState.UNPAID),
        (100, 1, 0, PaymentState.PARTIALLY_PAID),
        (100, 100, 0, PaymentState.PAID),
        (0, 0, 0, PaymentState.PAID),
        (100, 100, 1, PaymentState.PARTIALLY_REFUNDED),
        (100, 100, 100, PaymentState.REFUNDED),
        (100, 50, 50, PaymentState.REFUNDED),
    ],
)
def test_an_order_is_paid_as_far_as_its_money_says(total, paid, refunded, state):
    assert payment_state(total_minor=total, paid_minor=paid, refunded_minor=refunded) is state


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_change_and_amount_make_up_what_was_tendered(amount, more):
    assert change_due(tendered_minor=amount + more, amount_minor=amount) == more


def test_less_than_the_amount_is_no_tender():
    with pytest.raises(ValueError):
        change_due(tendered_minor=99, amount_minor=100)
