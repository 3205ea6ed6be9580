"""A crash point ..."""

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


@pytest.fixture
def file(settings, tmp_path):
    settings.MPAC_CRASHPOINT_FILE = str(tmp_path / "crashpoint")
    return tmp_path / "crashpoint"


def test_does_nothing_where_the_environment_names_no_file(settings, kills, point):
    settings.MPAC_CRASHPOINT_FILE = ""
    crashpoints.crashpoint(point)
    assert kills == []


def test_does_nothing_without_the_file_or_when_another_point_is_armed(file, kills, point):
    crashpoints.crashpoint(point)
    file.write_text("test.another")
    crashpoints.crashpoint(point)
    assert kills == []
    assert file.exists()


def test_kills_this_process_at_once_and_once_only(file, kills, point):
    file.write_text(f"{point}\n")
    crashpoints.crashpoint(point)
    assert kills == [(os.getpid(), signal.SIGKILL)]
    assert not file.exists()
    crashpoints.crashpoint(point)
    assert len(kills) == 1


def test_can_be_listed_but_not_changed(point):
    assert point in crashpoints.CRASHPOINTS
    assert not hasattr(crashpoints.CRASHPOINTS, "add")


def test_belongs_to_one_module(point):
    with pytest.raises(ValueError, match="twice"):
        crashpoints.declare(point)


def test_that_nobody_declared_is_an_error(kills):
    with pytest.raises(LookupError):
        crashpoints.crashpoint("test.misspelled")
