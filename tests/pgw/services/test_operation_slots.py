"""Refunds and captures beyond what an account may have under way ..."""

import pytest

from mpac.pgw.errors import AccountsBusy

pytestmark = pytest.mark.usefixtures("healthy")


@pytest.fixture
def provider(holding):
    return holding


def test_are_turned_away_with_nothing_reserved(captures, refunds, settings):
    held = captures.held()
    settings.MPAC_PROVIDER_CONCURRENCY = 0
    with pytest.raises(AccountsBusy):
        captures.take(held)
    assert captures.all() == []
    assert captures.sums(held)[1:] == (0, 0)
    settings.MPAC_PROVIDER_CONCURRENCY = 1
    assert captures.take(held).status == "succeeded"

    settings.MPAC_PROVIDER_CONCURRENCY = 0
    with pytest.raises(AccountsBusy):
        refunds.give(held, 100)
    assert refunds.all() == []
    assert refunds.sums(held) == (0, 0)
    settings.MPAC_PROVIDER_CONCURRENCY = 1
    for _ in range(2):
        assert refunds.give(held, 100).status == "completed"
    assert refunds.sums(held) == (0, 200)
