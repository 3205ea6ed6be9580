"""Replaying stored payments by proposed rules ..."""

import datetime as dt
import io
import json

import pytest
from django.core.management import CommandError, call_command

from kernel.ids import encode
from mpac.pgw.services import routing_replay
from tests.pgw.services.routes import REFUSED

pytestmark = pytest.mark.usefixtures("healthy")

THIRD = {"rules": [{"name": "to third", "providers": ["third"]}]}


@pytest.fixture
def ask(tmp_path):
    """What the command says, and its progress."""

    def run(document=None, *, since="2020-01-01", **options):
        path = tmp_path / "rules.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        out, err = io.StringIO(), io.StringIO()
        call_command(
            "replay_routing",
            rules=path,
            since=dt.datetime.fromisoformat(since).replace(tzinfo=dt.UTC),
            stdout=out,
            stderr=err,
            **options,
        )
        return out.getvalue(), err.getvalue()

    return run


def test_shows_what_would_have_gone_elsewhere(gateway, routes, ask):
    intents = [gateway.shown() for _ in range(3)]
    gateway.pay(intents[0])
    gateway.probe(intents[0])
    routes.publish(THIRD["rules"][0])
    gateway.shown()

    said, progress = ask(THIRD)
    assert "4 payments, 3 (75.0%) would have gone elsewhere." in said
    rows = [line.split() for line in said.splitlines()]
    assert ["fake", "third", "3", "376.50", "THB", "33.3%", "unknown", "unknown"] in rows
    assert ["third", "third", "(the", "same)", "1", "125.50", "THB", "0.0%", "unknown", "unknown"] in rows
    assert "By rule: to third: 4." in said
    for intent in intents:
        assert f"{encode('pi', intent.pk)}" in said
    assert "4 payments" in progress


def test_says_what_it_would_cost(gateway, routes, ask):
    gateway.shown()
    costs = [{"provider": "fake", "basis_points": 100}, {"provider": "third", "fixed": 50, "currency": "THB"}]
    said, _ = ask(THIRD | {"costs": costs})
    assert ["fake", "third", "1", "125.50", "THB", "0.0%", "1.26", "THB", "0.50", "THB"] in [
        line.split() for line in said.splitlines()
    ]


def test_keeps_to_the_facts_of_the_day(gateway, routes, ask):
    """An account that was named, or that rested, is so again; one that the rules of the day left out is not."""
    gateway.shown(provider="other")
    routes.publish({"name": "only", "providers": ["fake"], "only_listed": True})
    gateway.shown()
    said, _ = ask(THIRD)
    rows = [line.split()[:3] for line in said.splitlines()]
    assert ["fake", "third", "1"] in rows
    assert ["other", "other", "(the"] in rows


def test_counts_each_payment_once_though_it_failed_over(gateway, routes, ask):
    routes["fake"].on_create.append(REFUSED)
    gateway.shown()
    said, _ = ask(THIRD)
    assert said.startswith("1 payments, 1 (100.0%)")


def test_decides_again_as_it_was_decided(gateway, routes, ask):
    """The rules that were in force change nothing, split or not, in whatever batches they are read."""
    split = [{"provider": name, "percent": percent} for name, percent in (("fake", 40), ("other", 60))]
    document = {"rules": [{"name": "half", "split": split}]}
    routes.publish(document=document)
    for _ in range(12):
        gateway.shown()
    routing_replay.BATCH, before = 5, routing_replay.BATCH
    try:
        said, progress = ask(document)
    finally:
        routing_replay.BATCH = before
    assert said.startswith("12 payments, 0 (0.0%)")
    assert [line.split()[0] for line in progress.splitlines()] == ["5", "10", "12"]


def test_looks_at_one_tenant_when_it_is_asked_to(gateway, routes, ask):
    gateway.shown()
    assert ask(THIRD, psp=1, merchant=11, store=111)[0].startswith("1 payments")
    for elsewhere in ({"psp": 2}, {"psp": 1, "merchant": 22}, {"psp": 1, "merchant": 11, "store": 222}):
        assert ask(THIRD, **elsewhere)[0] == "No payment was routed in this time.\n"
    assert ask(THIRD, since="2999-01-01")[0] == "No payment was routed in this time.\n"


def test_tells_what_is_wrong_instead_of_guessing(routes, ask):
    with pytest.raises(CommandError, match=r"rules\[0\]\.providers: There is no provider 'nobody'"):
        ask({"rules": [{"name": "r", "providers": ["nobody"]}]})
    with pytest.raises(CommandError, match="The rules are not right"):
        ask("{")
    with pytest.raises(CommandError, match="needs --psp"):
        ask(THIRD, merchant=11)
