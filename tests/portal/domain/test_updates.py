"""What a terminal is offered..."""

import dataclasses
import datetime as dt
import random

import pytest

from kernel import ids
from mpac.portal.domain.rollouts import bucket_of
from mpac.portal.domain.updates import Candidate, Held, Terminal, decide

PACKAGE = "com.example.till"
NOON_IN_BANGKOK = dt.datetime(2026, 5, 1, 5, tzinfo=dt.UTC)
TERMINAL = Terminal(
    device_id=ids.uuid7(),
    merchant_id=1,
    store_id=2,
    livemode=True,
    time_zone="Asia/Bangkok",
    channel="stable",
    window="03:00-05:00",
    automatic=True,
    groups=frozenset({"dgr_a"}),
    installed={PACKAGE: 5},
    sdk=30,
    battery_percent=80,
    charging=False,
    wifi=True,
)
CANDIDATE = Candidate(
    rollout_id=ids.uuid7(),
    release_id=ids.uuid7(),
    package=PACKAGE,
    version_code=6,
    min_sdk=24,
    channel="stable",
    channels=["stable", "beta", "canary"],
    status="active",
    livemode=None,
    salt="salt",
    share=10_000,
    merchant_ids=[],
    store_ids=[],
    group_ids=[],
    window="any",
    spares_open_bills=True,
    min_battery_percent=30,
    needs_charging=False,
    needs_wifi=False,
)


def candidate(**changes):
    return dataclasses.replace(CANDIDATE, **changes)


def decided(*candidates, open_bills=False, now=NOON_IN_BANGKOK, **changes):
    """The one decision, as what is offered and why not."""
    terminal = dataclasses.replace(TERMINAL, **changes)
    found = decide(terminal, candidates, now=now, has_open_bills=lambda: open_bills)
    if not found:
        return None
    (decision,) = found
    offered = None if decision.candidate is None else decision.candidate.version_code
    return offered, decision.held


@pytest.mark.parametrize(("installed", "offered"), [(0, 6), (5, 6), (6, None), (7, None), (2**40, None)])
def test_is_never_what_it_has_or_something_lower(installed, offered):
    held = None if offered else Held.UP_TO_DATE
    assert decided(CANDIDATE, installed={PACKAGE: installed}) == (offered, held)


def test_is_nothing_while_its_own_version_is_unknown():
    assert decided(CANDIDATE, installed={}) == (None, Held.VERSION_UNKNOWN)


def test_is_the_highest_whose_turn_has_come():
    lower, paused = (
        candidate(version_code=6, status="completed", share=0),
        candidate(version_code=9, status="paused"),
    )
    later = candidate(version_code=8, share=0)
    assert decided(lower, candidate(version_code=7), later, paused) == (7, None)
    assert decided(later) == (None, Held.WAVE)
    assert decided(later, paused) == (None, Held.PAUSED)


def test_is_never_a_downgrade_whatever_rollouts_there_are():
    dice = random.Random(7)
    statuses = ["active", "paused", "completed"]
    for _ in range(500):
        found = [
            candidate(
                version_code=dice.randrange(10),
                status=dice.choice(statuses),
                share=dice.choice([0, 5000, 10_000]),
                channel=dice.choice(["stable", "beta"]),
            )
            for _ in range(dice.randrange(6))
        ]
        installed = dice.randrange(10)
        channel = dice.choice(["stable", "beta", "canary", "elsewhere"])
        decision = decided(*found, installed={PACKAGE: installed}, channel=channel)
        assert decision is None or decision[0] is None or decision[0] > installed


@pytest.mark.parametrize(
    ("own", "of", "offered"),
    [
        ("stable", "stable", True),
        ("stable", "beta", False),
        ("beta", "stable", True),
        ("canary", "beta", True),
        ("of-another-app", "stable", True),
        ("of-another-app", "beta", False),
    ],
)
def test_is_of_its_channel_or_a_more_careful_one(own, of, offered):
    assert decided(candidate(channel=of), channel=own) == ((6, None) if offered else None)


@pytest.mark.parametrize(
    ("of", "offered"),
    [
        ({"livemode": False}, False),
        ({"livemode": True}, True),
        ({"merchant_ids": [1, 9]}, True),
        ({"merchant_ids": [9]}, False),
        ({"store_ids": [2]}, True),
        ({"store_ids": [3]}, False),
        ({"merchant_ids": [1], "store_ids": [3]}, False),
        ({"group_ids": ["dgr_a", "dgr_b"]}, True),
        ({"group_ids": ["dgr_b"]}, False),
    ],
)
def test_is_what_is_meant_for_it(of, offered):
    assert decided(candidate(**of)) == ((6, None) if offered else None)


@pytest.mark.parametrize(
    ("of", "terminal", "held"),
    [
        ({"min_sdk": 31}, {}, Held.ANDROID),
        ({}, {"sdk": None}, Held.ANDROID),
        ({}, {"automatic": False}, Held.SWITCHED_OFF),
        ({}, {"automatic": False, "asked": True}, None),
        ({"window": "maintenance"}, {}, Held.WINDOW),
        ({"window": "maintenance"}, {"asked": True}, None),
        ({"window": "maintenance"}, {"window": "11:00-13:00"}, None),
        ({"window": "11:59-12:01"}, {}, None),
        ({"window": "22:00-05:00"}, {}, Held.WINDOW),
        ({}, {"battery_percent": 29}, Held.BATTERY),
        ({}, {"battery_percent": None}, Held.BATTERY),
        ({}, {"battery_percent": 5, "charging": True}, None),
        ({"needs_charging": True}, {}, Held.CHARGING),
        ({"needs_charging": True}, {"charging": True}, None),
        ({"needs_wifi": True}, {"wifi": None}, Held.WIFI),
        ({"needs_wifi": True}, {}, None),
    ],
)
def test_waits_until_the_terminal_can_take_it(of, terminal, held):
    assert decided(candidate(**of), **terminal) == (6, held)


def test_waits_while_the_store_has_open_bills():
    assert decided(CANDIDATE, open_bills=True) == (6, Held.OPEN_BILLS)
    assert decided(candidate(spares_open_bills=False), open_bills=True) == (6, None)


def test_comes_in_the_wave_of_its_bucket_and_stays():
    """The same terminal always has the same place, and places are spread evenly."""
    devices = [ids.uuid7() for _ in range(4000)]
    shares = {share: sum(bucket_of("s", each) < share for each in devices) for share in (100, 2500, 10_000)}
    assert shares[10_000] == 4000
    assert 850 < shares[2500] < 1150
    assert 10 < shares[100] < 80
    assert {bucket_of("s", devices[0]) for _ in range(3)} == {bucket_of("s", devices[0])}
    assert bucket_of("s", devices[0]) != bucket_of("other", devices[0])
