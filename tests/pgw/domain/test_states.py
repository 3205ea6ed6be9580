"""The gateway's states ..."""

import itertools

import pytest

from mpac.pgw.domain import attempts, captures, intents, late_payments, refunds, webhooks
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.domain.intents import IntentStatus, route

INTENT_EDGES = """
requires_payment_method: requires_confirmation cancelled expired failed
requires_confirmation: processing requires_payment_method cancelled expired failed
processing: requires_action requires_capture succeeded requires_payment_method failed cancelled
requires_action: processing requires_capture succeeded requires_payment_method cancelled expired failed
requires_capture: succeeded processing cancelled expired failed
succeeded:
failed: succeeded
cancelled: succeeded
expired: succeeded
"""
ATTEMPT_EDGES = """
created: sent error voided
sent: authorized captured requires_action declined error unknown voided
requires_action: authorized captured declined voided unknown
authorized: captured voided unknown
unknown: authorized captured requires_action declined voided
captured:
declined: captured
error: captured
voided: captured
"""
LATE_EDGES = """
received: accepted return_due
accepted:
return_due: returned
returned: return_due
"""
REFUND_EDGES = """
pending: processing completed cancelled
processing: pending completed failed
completed: reversed
failed: completed
cancelled:
reversed:
"""
CAPTURE_EDGES = """
processing: completed failed
completed:
failed: completed
"""
WEBHOOK_EDGES = """
pending: parked applied unconfirmed
parked: pending applied unconfirmed
applied:
unconfirmed: pending parked applied
"""


def edges(text: str) -> set[tuple[str, str]]:
    lines = (line.partition(":") for line in text.strip().splitlines())
    return {(source, target) for source, _, targets in lines for target in targets.split()}


@pytest.mark.parametrize(
    ("transitions", "expected"),
    [
        (intents.TRANSITIONS, INTENT_EDGES),
        (attempts.TRANSITIONS, ATTEMPT_EDGES),
        (late_payments.TRANSITIONS, LATE_EDGES),
        (webhooks.TRANSITIONS, WEBHOOK_EDGES),
        (refunds.TRANSITIONS, REFUND_EDGES),
        (captures.TRANSITIONS, CAPTURE_EDGES),
    ],
    ids=["intent", "attempt", "late_payment", "webhook", "refund", "capture"],
)
def test_lead_only_where_the_design_says(transitions, expected):
    legal = edges(expected)
    for source, target in itertools.product(transitions, repeat=2):
        assert (target in transitions[source]) == ((source.value, target.value) in legal), (source, target)


def test_leave_success_for_nothing():
    assert intents.TRANSITIONS[IntentStatus.SUCCEEDED] == frozenset()
    assert attempts.TRANSITIONS[AttemptStatus.CAPTURED] == frozenset()


def test_let_only_late_money_change_an_end():
    for status in intents.UNPAID_ENDS:
        assert intents.TRANSITIONS[status] == {IntentStatus.SUCCEEDED}


def test_never_expire_while_processing():
    assert not intents.allows(IntentStatus.PROCESSING, IntentStatus.EXPIRED)
    assert IntentStatus.PROCESSING not in intents.EXPIRABLE


@pytest.mark.parametrize("source", IntentStatus)
@pytest.mark.parametrize("target", IntentStatus)
def test_are_walked_by_legal_edges_only(source, target):
    walk = (source, *route(source, target))
    assert all(intents.allows(one, other) for one, other in itertools.pairwise(walk))
    assert not intents.ENDED & set(walk[1:-1])


def test_are_walked_to_success_from_every_state_but_success():
    for source in IntentStatus:
        walk = route(source, IntentStatus.SUCCEEDED)
        assert bool(walk) == (source is not IntentStatus.SUCCEEDED)


def test_leave_an_unknown_attempt_open():
    assert AttemptStatus.UNKNOWN in attempts.OPEN
    assert not attempts.OPEN & (attempts.CLOSED_UNPAID | {AttemptStatus.CAPTURED})
    assert attempts.OPEN | attempts.CLOSED_UNPAID | {AttemptStatus.CAPTURED} == set(AttemptStatus)
