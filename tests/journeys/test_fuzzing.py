"""The API document, put to the proof for a while; `make fuzz` does it for long."""

import pytest

from tests.fuzzing.run import fuzz
from tests.journeys.conftest import RunningPlatform


@pytest.fixture
def wreck(tmp_path):
    """A platform of its own, for nothing is safe from these callers."""
    platform = RunningPlatform(tmp_path / "state")
    try:
        platform.start(MPAC_PROVIDER_TIMEOUT_S="2")
        yield platform
    finally:
        platform.stop()


def test_the_document_is_the_truth(wreck):
    found = fuzz(
        str(wreck.state / "demo.json"),
        "--max-examples=6",
        "--seed=20261121",
        "--phases=examples,fuzzing,stateful",
        "--generation-database=none",
    )
    assert found == 0
    invariants = wreck.invariants()
    assert invariants.returncode == 0, invariants.stdout + invariants.stderr
