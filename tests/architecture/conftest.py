"""The world of the leak tests."""

from collections.abc import Iterator

import pytest

from mpac.pgw.adapters import registry
from mpac.portal import conf
from tests.architecture import world as worlds
from tests.architecture.answers import contents
from tests.architecture.world import World
from tests.pgw.doubles import HoldingAdapter


@pytest.fixture
def world(api, monkeypatch) -> Iterator[World]:
    # When a key was last used is noted once a minute; on a busy machine the calls of one test take longer.
    monkeypatch.setattr(conf, "API_KEY_LAST_USED_STEP_S", 24 * 3600)
    for name in (worlds.HOME_PROVIDER, worlds.OTHER_PROVIDER):
        adapter = HoldingAdapter()
        adapter.name = name
        registry.register(adapter)
    yield worlds.build(api)
    for name in (worlds.HOME_PROVIDER, worlds.OTHER_PROVIDER):
        registry._adapters.pop(name)


@pytest.fixture
def untouched(world, superuser):
    """Fails the test if anything of home has changed when it ends."""
    before = contents(superuser, world.home.names)
    yield
    assert contents(superuser, world.home.names) == before
