"""One town for all tests of this directory, and a world in it for each."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mpac.pgw.adapters import registry
from tests.pgw.adapters.kits import KITS
from tests.pgw.faults.town import Town
from tests.pgw.faults.world import Gateway, World


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Of the many thousand calls here nobody reads a line each."""
    logger = logging.getLogger("httpx2")
    before = logger.level
    logger.setLevel(logging.WARNING)
    yield
    logger.setLevel(before)


@pytest.fixture(scope="session")
def town() -> Iterator[Town]:
    town = Town()
    yield town
    town.stop()


@pytest.fixture(scope="session")
def notified() -> Iterator[Gateway]:
    gateway = Gateway()
    yield gateway
    gateway.close()


@pytest.fixture(scope="session")
def wire() -> Iterator[httpx2.BaseTransport]:
    """The connections of all adapters, closed at the end."""
    with httpx2.HTTPTransport(verify=False) as transport:
        yield transport


@pytest.fixture(autouse=True)
def adapters(wire: httpx2.BaseTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapters as they are, on connections of these tests."""
    known = {name: kit.make(wire) for name, kit in KITS.items()}
    monkeypatch.setattr(registry, "_adapters", registry._adapters | known)


@pytest.fixture
def world(town: Town, notified: Gateway, settings: Any, superuser: Any, tmp_path: Path) -> World:
    world = World(town, notified, settings, superuser)
    world.open([*KITS.values()], tmp_path)
    return world
