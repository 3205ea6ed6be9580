"""The invariants of refunds and captures notice ..."""

import pytest

from mpac.pgw.selectors.invariants import list_invariants
from tests.pgw.doubles import TIMEOUT, answers


@pytest.fixture
def provider(holding):
    return holding


@pytest.fixture
def broken():
    """The invariants that are broken now."""

    def read() -> set[str]:
        return {f"{each.code}: {each.name}" for each in list_invariants() if each.offending()}

    return read


@pytest.fixture
def refunded(gateway, refunds):
    intent = gateway.shown()
    gateway.pay(intent)
    gateway.probe(intent)
    refunds.give(intent, 100)
    return intent


def test_nothing_when_all_is_well(refunded, captures, refunds, provider, broken):
    intent = captures.held()
    captures.take(intent, 100, final=False)
    provider.on_refund.append(answers(TIMEOUT))
    refunds.give(intent, 50)
    provider.on_capture.append(answers(TIMEOUT))
    captures.take(intent, 60)
    assert broken() == set()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("payment_intents SET refunded_minor = 99", "I2: an intent's refunds are its sums"),
        ("payment_intents SET refunding_minor = 1", "I2: an intent's refunds are its sums"),
        ("refunds SET amount_minor = 101", "I2: an intent's refunds are its sums"),
        ("refunds SET version = 9", "I6: the history of refunds ends in their present state"),
    ],
)
def test_refunds_that_are_not_their_intents_sums(refunded, superuser, broken, change, expected):
    superuser.execute(f"UPDATE pgw.{change}")
    assert broken() == {expected}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("payment_intents SET captured_minor = 99", "I3: an intent's captures are its sums"),
        ("payment_intents SET capturing_minor = 1", "I3: an intent's captures are its sums"),
        ("captures SET amount_minor = 101", "I3: an intent's captures are its sums"),
        ("captures SET version = 9", "I6: the history of captures ends in their present state"),
    ],
)
def test_captures_that_are_not_their_intents_sums(captures, superuser, broken, change, expected):
    captures.take(captures.held(), 100, final=False)
    superuser.execute(f"UPDATE pgw.{change}")
    assert broken() == {expected}


@pytest.fixture
def open_one(refunded, captures, refunds, provider):
    """Ways to leave an outcome open."""
    provider.on_refund.append(answers(TIMEOUT))
    provider.on_capture.append(answers(TIMEOUT))
    return {
        "refunds": lambda: refunds.give(refunded, 100),
        "captures": lambda: captures.take(captures.held()),
    }


@pytest.mark.parametrize("table", ["refunds", "captures"])
def test_outcomes_that_nobody_will_ask_about(open_one, superuser, broken, table):
    open_one[table]()
    past = "now() - interval '6 minutes'"
    superuser.execute(
        f"UPDATE pgw.{table} SET status_at = {past}, next_probe_at = {past} WHERE status = 'processing'"
    )
    assert broken() == {f"I9: none of the {table} without a scheduled question"}


def test_late_money_that_stays(gateway, superuser, broken):
    intent = gateway.shown()
    for _ in range(2):
        gateway.pay(intent)
    gateway.probe(intent)
    assert broken() == set()
    superuser.execute("UPDATE pgw.refunds SET amount_minor = amount_minor - 1")
    assert broken() == {"I2: late money that is not due goes back"}
