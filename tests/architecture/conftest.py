"""The world of the leak tests: made once a run, and put back as it was for each test."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from mpac.pgw.adapters import registry
from mpac.portal import conf
from tests import snapshots
from tests.architecture import world as worlds
from tests.architecture.answers import contents
from tests.architecture.world import Places, World
from tests.pgw.doubles import HoldingAdapter
from tests.snapshots import Rows

BOOKS = ("payments", "refunds", "holds", "_count")


@dataclass(frozen=True)
class Built:
    """The places of a world, its rows, and what its providers have in their books."""

    places: Places
    rows: list[Rows]
    books: dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def built() -> list[Built]:
    """The world of this worker, once a test has asked for it."""
    return []


@pytest.fixture
def places(api, superuser, built, monkeypatch) -> Iterator[Places]:
    # When a key was last used is noted once a minute; on a busy machine the calls of one test take longer.
    monkeypatch.setattr(conf, "API_KEY_LAST_USED_STEP_S", 24 * 3600)
    # A terminal's token lives shorter than some tests take on a busy machine.
    monkeypatch.setattr(conf, "DEVICE_TOKEN_TTL_S", conf.PERSON_TOKEN_TTL_S)
    adapters = {name: HoldingAdapter() for name in (worlds.HOME_PROVIDER, worlds.OTHER_PROVIDER)}
    for name, adapter in adapters.items():
        adapter.name = name
        registry.register(adapter)
    if not built:
        made = worlds.build(api)
        books = {name: {book: getattr(adapter, book) for book in BOOKS} for name, adapter in adapters.items()}
        built.append(Built(made, snapshots.take(superuser), copy.deepcopy(books)))
    else:
        snapshots.restore(superuser, built[0].rows)
        for name, adapter in adapters.items():
            vars(adapter).update(copy.deepcopy(built[0].books[name]))
    worlds.forget()
    yield built[0].places
    for name in adapters:
        registry._adapters.pop(name)


@pytest.fixture
def world(places) -> World:
    return worlds.inhabit(places)


@pytest.fixture
def untouched(world, superuser):
    """Fails the test if anything of home has changed when it ends."""
    before = contents(superuser, world.home.names)
    yield
    assert contents(superuser, world.home.names) == before
