"""A crash point kills the process when it is armed and does nothing otherwise."""

import os
import signal

import pytest

from kernel import crashpoints


@pytest.fixture
def kills(monkeypatch):
    sent = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


@pytest.fixture
def point():
    crashpoints.declare("test.border_crossed")
    yield "test.border_crossed"
    del crashpoints._declared["test.border_crossed"]


def test_an_unarmed_point_does_nothing(settings, kills, point):
    settings.MPAC_CRASHPOINT = ""
    crashpoints.crashpoint(point)
    settings.MPAC_CRASHPOINT = "test.another"
    crashpoints.crashpoint(point)
    assert kills == []


def test_an_armed_point_kills_this_process_at_once(settings, kills, point):
    settings.MPAC_CRASHPOINT = point
    crashpoints.crashpoint(point)
    assert kills == [(os.getpid(), signal.SIGKILL)]


def test_declared_points_can_be_listed_but_not_changed(point):
    assert point in crashpoints.CRASHPOINTS
    assert not hasattr(crashpoints.CRASHPOINTS, "add")


def test_a_point_belongs_to_one_module(point):
    with pytest.raises(ValueError, match="twice"):
        crashpoints.declare(point)


def test_a_point_that_nobody_declared_is_an_error(kills):
    with pytest.raises(LookupError):
        crashpoints.crashpoint("test.misspelled")
