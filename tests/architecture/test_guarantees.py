"""The page of promises names tests that exist; a promise whose test was renamed or removed is noticed."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
PAGE = (TESTS.parent / "docs" / "guarantees.md").read_text()
PROMISE = re.compile(r"^\| (G\d+) \|.*\| ([^|]*) \|$", re.MULTILINE)
PROOF = re.compile(r"`([\w/]+\.py): (test_\w+)`")
PROMISES = {number: PROOF.findall(proofs) for number, proofs in PROMISE.findall(PAGE)}


def test_promises_are_listed():
    assert len(PROMISES) >= 20


@pytest.mark.parametrize("number", PROMISES)
def test_is_proved_by_tests_that_exist(number):
    proofs = PROMISES[number]
    assert proofs
    missing = [
        f"{file}: {name}"
        for file, name in proofs
        if not re.search(rf"^def {name}\(", (TESTS / file).read_text(), re.MULTILINE)
    ]
    assert missing == []
