"""`python -m bench.login_timing`: whether the time of a refusal tells which accounts there are.

Wrong passwords for an account that exists and for accounts that do not, one after the other in random order over one
connection; then a rank test (Mann and Whitney's U, by its normal approximation). Run it with limits that let all tries
through: `make bench-login` does.
"""

import argparse
import http.client
import json
import os
import random
import secrets
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.bar import Bar

# Two distributions that are the same look less alike than this once in a thousand runs.
SURE = 0.001
WARM_UP = 10


def main(arguments: Sequence[str]) -> int:
    """0 when the two distributions cannot be told apart."""
    parser = argparse.ArgumentParser(prog="python -m bench.login_timing", description=__doc__)
    demo_file = os.environ.get("MPAC_DEMO_FILE", ".mpac/demo.json")
    parser.add_argument("--demo", type=Path, default=Path(demo_file), help="the platform's demo file")
    parser.add_argument("--tries", type=int, default=300, help="of each kind")
    chosen = parser.parse_args(arguments)
    demo: dict[str, Any] = json.loads(chosen.demo.read_text())
    known, unknown = measure(demo, tries=chosen.tries)
    z, p = compare(known, unknown)
    for name, times in (("known", known), ("unknown", unknown)):
        quarters = [1000 * each for each in statistics.quantiles(times, n=4)]
        told = "  ".join(f"{each:7.2f}" for each in quarters)
        print(f"{name:8} {len(times)} tries, quartiles in ms  {told}")
    print(f"z = {z:+.2f}, p = {p:.3f}: {'cannot be told apart' if p > SURE else 'CAN BE TOLD APART'}")
    return 0 if p > SURE else 1


def measure(demo: dict[str, Any], *, tries: int) -> tuple[list[float], list[float]]:
    """How many seconds each refusal took, for the account that exists and for those that do not."""
    kinds = [True, False] * tries
    random.shuffle(kinds)
    found: dict[bool, list[float]] = {True: [], False: []}
    address = urlsplit(demo["base_url"])
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    bar = Bar("signing in", len(kinds))
    for number, exists in enumerate([True, False] * WARM_UP + kinds):
        email = demo["admin"]["email"] if exists else f"{secrets.token_hex(6)}@mpac.example"
        seconds = refuse(connection, email)
        if number >= 2 * WARM_UP:
            found[exists].append(seconds)
            bar.show(number + 1 - 2 * WARM_UP)
    connection.close()
    return found[True], found[False]


def refuse(connection: http.client.HTTPConnection, email: str) -> float:
    """One try with a wrong password. Exits when it is not refused as a wrong one."""
    body = json.dumps({"email": email, "password": secrets.token_urlsafe(12)})
    began = time.perf_counter()
    connection.request("POST", "/v1/auth/login", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = answer.read()
    seconds = time.perf_counter() - began
    if answer.status != http.HTTPStatus.UNAUTHORIZED:
        sys.exit(f"{answer.status}: {told.decode()}")
    return seconds


def compare(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """How many standard deviations the rank sum of `one` is from what chance gives, and how often chance goes as far."""
    ranked = sorted([(value, True) for value in one] + [(value, False) for value in other])
    rank_sum = sum(rank for rank, (_value, first) in enumerate(ranked, start=1) if first)
    count, others = len(one), len(other)
    expected = count * (count + others + 1) / 2
    deviation = (count * others * (count + others + 1) / 12) ** 0.5
    z = (rank_sum - expected) / deviation
    return z, 2 * (1 - statistics.NormalDist().cdf(abs(z)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
