"""A process dies at every crash point of a refund, a capture or a void, and it ends as if it had not.

Death is an exception that nobody catches: every point lies between transactions, so it leaves what a killed process leaves.
That a real process really dies at such a point is seen in `tests/journeys/test_operation_crashes.py`.
"""

import pytest

from kernel import crashpoints
from mpac.pgw.services import asking as voiding_service
from mpac.pgw.services import captures as capturing_service
from mpac.pgw.services import refunds as refunding_service
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.operation_resolution import resolve_due_captures, resolve_due_refunds
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.conftest import SCOPE

pytestmark = pytest.mark.usefixtures("healthy")

OF_REFUNDS = ("pgw.refund_sent", "pgw.refund_answered", "pgw.refund_committed")
OF_CAPTURES = ("pgw.capture_sent", "pgw.capture_answered", "pgw.capture_committed")
OF_VOIDS = ("pgw.void_sent", "pgw.void_answered", "pgw.void_committed")
POINTS = (*OF_REFUNDS, *OF_CAPTURES, *OF_VOIDS)


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def provider(holding):
    return holding


@pytest.fixture
def die_at(monkeypatch):
    def arm(module, point):
        def crashpoint(name):
            crashpoints.crashpoint(name)
            if name == point:
                raise Killed

        monkeypatch.setattr(module, "crashpoint", crashpoint)

    return arm


@pytest.mark.parametrize("point", OF_REFUNDS)
def test_of_a_refund_gives_the_money_back_once(gateway, provider, refunds, die_at, point):
    intent = gateway.shown()
    gateway.pay(intent)
    gateway.probe(intent)
    die_at(refunding_service, point)
    with pytest.raises(Killed):
        refunds.give(intent, 5000)
    [refund] = refunds.all()
    assert refund.status == ("completed" if point == "pgw.refund_committed" else "processing")

    for second in range(0, 120, 2):
        resolve_due_refunds(now=gateway.later(second))
    assert refunds.get(refund).status == "completed"
    assert (refunds.sums(intent), provider.given_back(), len(provider.refunds)) == ((0, 5000), 5000, 1)


@pytest.mark.parametrize("point", OF_CAPTURES)
def test_of_a_capture_takes_the_money_once(gateway, provider, captures, die_at, point):
    intent = captures.held()
    die_at(capturing_service, point)
    with pytest.raises(Killed):
        captures.take(intent, 5000)
    assert gateway.intent(intent).status == (
        "succeeded" if point == "pgw.capture_committed" else "processing"
    )

    for second in range(0, 120, 2):
        resolve_due_captures(now=gateway.later(second))
    assert gateway.intent(intent).status == "succeeded"
    assert (captures.sums(intent), provider.taken(), len(captures.all())) == ((5000, 0, 5000), 5000, 1)


@pytest.mark.parametrize("point", OF_VOIDS)
def test_of_a_void_lets_the_money_go(gateway, provider, captures, die_at, point):
    intent = captures.held()
    die_at(voiding_service, point)
    with pytest.raises(Killed):
        cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
    assert gateway.intent(intent).status == (
        "cancelled" if point == "pgw.void_committed" else "requires_capture"
    )

    for second in range(0, 120, 2):
        resolve_due_attempts(now=gateway.later(second))
    assert gateway.intent(intent).status == "cancelled"
    [hold] = provider.holds.values()
    assert (hold.released, provider.taken()) == (True, 0)
