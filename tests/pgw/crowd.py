"""Several threads that start at the same instant, each with its own connection to the database, round after round."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from django.db import connections

from kernel.errors import DomainError

# How many rounds a race is run: a few in the suite, `MPAC_TEST_ROUNDS=500` for the promise.
ROUNDS = int(os.environ.get("MPAC_TEST_ROUNDS", "12"))


class Crowd:
    """`size` threads. Used as a context, it closes their connections at the end."""

    def __init__(self, size: int) -> None:
        self._pool = ThreadPoolExecutor(size)
        self._barrier = threading.Barrier(size)
        self._size = size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.at_once([connections.close_all] * self._size)
        self._pool.shutdown()

    def at_once(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Make these calls, one a thread, and return what they returned; a refusal is returned, not raised."""
        assert len(calls) == self._size
        return list(self._pool.map(self._call, calls))

    def _call(self, call: Callable[[], Any]) -> Any:
        self._barrier.wait(30)
        try:
            return call()
        except DomainError as refusal:
            return refusal
