"""A statement's line about money that was held first ..."""

import pytest

from mpac.pgw.domain.methods import CaptureMethod

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
