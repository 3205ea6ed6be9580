"""The API document, put to the proof for a while; `make fuzz` does it for long."""

from tests.fuzzing.run import fuzz


def test_the_document_is_the_truth(platform):
    found = fuzz(
        str(platform.state / "demo.json"),
        "--max-examples=6",
        "--seed=20261121",
        "--phases=examples,fuzzing,stateful",
        "--generation-database=none",
    )
    assert found == 0
    invariants = platform.invariants()
    assert invariants.returncode == 0, invariants.stdout + invariants.stderr
