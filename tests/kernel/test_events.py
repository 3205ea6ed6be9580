"""An event class ..."""

from dataclasses import dataclass

import pytest

from kernel import events
from kernel.events import Event


def test_is_known_by_its_type():
    @dataclass(frozen=True, kw_only=True)
    class Known(Event):
        type = "test.known"

    assert events.registered()["test.known"] is Known


def test_needs_a_type():
    with pytest.raises(TypeError, match="declares no type"):

        class Nameless(Event):
            pass


def test_has_its_type_to_itself():
    class First(Event):
        type = "test.shared"

    with pytest.raises(TypeError, match="declared twice"):

        class Second(Event):
            type = "test.shared"


def test_that_is_abstract_is_no_event():
    before = events.registered()

    class Base(Event, abstract=True):
        pass

    assert events.registered() == before
    with pytest.raises(TypeError, match="declares no type"):

        class StillNameless(Base):
            pass
