"""A process dies at every crash point of a refund, and it ends as if it had not.

Death is an exception that nobody catches: every point lies between transactions, so it leaves what a killed process leaves.
That a real process really dies at such a point is seen in `tests/journeys/test_crashes.py`.
"""

import pytest

from kernel import crashpoints
from mpac.pgw.services import refunds as refunding_service
from mpac.pgw.services.operation_resolution import resolve_due_refunds

pytestmark = pytest.mark.usefixtures("healthy")

OF_REFUNDS = ("pgw.refund_sent", "pgw.refund_answered", "pgw.refund_committed")
POINTS = OF_REFUNDS


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def provider(refunding):
    return refunding


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
