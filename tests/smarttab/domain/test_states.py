"""The states of orders, bills and payments."""

import itertools

import pytest

from mpac.smarttab.domain.states import (
    BILL_TRANSITIONS,
    CAPTURED_STATUSES,
    ORDER_TRANSITIONS,
    PAYMENT_TRANSITIONS,
    BillStatus,
    OrderStatus,
    PaymentStatus,
    allowed_from,
)

ORDER_STEPS = {
    ("draft", "open"),
    ("draft", "cancelled"),
    ("open", "preparing"),
    ("open", "ready"),
    ("open", "completed"),
    ("open", "cancelled"),
    ("preparing", "ready"),
    ("preparing", "completed"),
    ("preparing", "cancelled"),
    ("ready", "completed"),
    ("ready", "cancelled"),
}
BILL_STEPS = {("open", "closed"), ("open", "voided")}
CAPTURED = ("completed", "partially_refunded", "refunded", "disputed")
PAYMENT_STEPS = {
    ("pending", "processing"),
    ("pending", "completed"),
    ("pending", "failed"),
    ("pending", "cancelled"),
    ("processing", "completed"),
    ("processing", "failed"),
    ("processing", "cancelled"),
    ("failed", "completed"),
    ("cancelled", "completed"),
    *itertools.permutations(CAPTURED, 2),
}


@pytest.mark.parametrize(
    ("statuses", "transitions", "steps"),
    [
        (OrderStatus, ORDER_TRANSITIONS, ORDER_STEPS),
        (BillStatus, BILL_TRANSITIONS, BILL_STEPS),
        (PaymentStatus, PAYMENT_TRANSITIONS, PAYMENT_STEPS),
    ],
    ids=["order", "bill", "payment"],
)
def test_every_pair_of_states_is_decided(statuses, transitions, steps):
    assert set(transitions) == set(statuses)
    for before, after in itertools.product(statuses, repeat=2):
        assert (after in transitions[before]) == ((before.value, after.value) in steps), (before, after)


def test_no_step_leads_out_of_captured():
    for status in CAPTURED_STATUSES:
        assert PAYMENT_TRANSITIONS[status] <= CAPTURED_STATUSES


def test_what_is_allowed_is_listed_in_order():
    assert allowed_from(ORDER_TRANSITIONS, OrderStatus.READY) == ["cancelled", "completed"]
    assert allowed_from(BILL_TRANSITIONS, BillStatus.CLOSED) == []
