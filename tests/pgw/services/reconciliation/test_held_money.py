"""A statement's line about money that was held first ..."""

from dataclasses import replace

import pytest

from mpac.pgw.domain.methods import CaptureMethod
from tests.pgw.doubles import TIMEOUT, answers

pytestmark = pytest.mark.usefixtures("healthy")


@pytest.fixture
def provider(holding):
    return holding


def test_is_compared_with_its_capture(gateway, captures, statements):
    intent = captures.held()
    captures.take(intent, 10000)
    [capture] = captures.all()
    attempt = gateway.attempt(intent)
    line = statements.line(reference=capture.provider_reference, key=attempt.provider_key, amount="100.00")
    statements.take(line)
    assert statements.outcomes() == ["matched"]


def test_makes_us_ask_and_captures_nothing(gateway, statements, now):
    intent = gateway.shown(capture_method=CaptureMethod.MANUAL)
    attempt = gateway.attempt(intent)
    statements.take(statements.line(reference="CAPTURED-ELSEWHERE", key=attempt.provider_key))
    assert (statements.outcomes(), gateway.attempt(intent).status) == (["timing"], "authorized")
    assert gateway.attempt(intent).next_probe_at == now


def test_is_compared_with_each_of_its_captures(gateway, captures, statements):
    intent = captures.held()
    for amount in (2550, 10000):
        captures.take(intent, amount, final=amount == 10000)
    key = gateway.attempt(intent).provider_key
    statements.take(
        *[
            statements.line(
                reference=each.provider_reference, key=key, amount=f"{each.amount_minor / 100:.2f}"
            )
            for each in captures.all()
        ]
    )
    assert statements.outcomes() == ["matched", "matched"]


def test_resolves_a_capture_whose_outcome_is_open(gateway, provider, captures, statements):
    provider.on_capture.append(answers(TIMEOUT))
    intent = captures.held()
    captures.take(intent, 10000)
    [capture] = captures.all()
    assert capture.status == "processing"
    names = {"key": gateway.attempt(intent).provider_key, "operation": capture.operation_key}
    statements.take(statements.line(reference="CAP9", amount="100.00", **names))
    [capture] = captures.all()
    assert (statements.outcomes(), capture.status, capture.provider_reference) == (
        ["matched"],
        "completed",
        "CAP9",
    )


def test_of_another_sum_than_an_open_capture_moves_nothing(gateway, provider, captures, statements):
    provider.on_capture.append(answers(TIMEOUT))
    captures.take(captures.held(), 10000)
    [capture] = captures.all()
    statements.take(statements.line(reference="CAP9", amount="99.00", operation=capture.operation_key))
    assert (statements.outcomes(), captures.all()[0].status) == (["amount_mismatch"], "processing")


def test_has_the_last_word_where_the_provider_cannot_be_asked(gateway, provider, captures, statements):
    provider.capabilities = replace(provider.capabilities, probe=False)
    intent = captures.held()
    key = gateway.attempt(intent).provider_key
    statements.take(statements.line(reference="CAP9", key=key, amount="100.00"))
    assert (statements.outcomes(), captures.sums(intent)[2]) == (["matched"], 10000)
