"""What a process may go by for a moment without asking the database again."""

import datetime as dt
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")

AT_MOST = 10_000


class Recall(Generic[V]):
    """Keeps values for some seconds. Safe to share between threads; at worst two load the same value."""

    def __init__(self, *, seconds: float) -> None:
        self._keep = dt.timedelta(seconds=seconds)
        self._lock = threading.Lock()
        self._known: dict[Hashable, tuple[dt.datetime, V]] = {}

    def get(self, key: Hashable, load: Callable[[], V], *, now: dt.datetime) -> V:
        """The value of `key`, from memory while it is young enough."""
        known = self._known.get(key)
        if known is not None and abs(now - known[0]) < self._keep:
            return known[1]
        value = load()
        with self._lock:
            if len(self._known) >= AT_MOST:
                self._known.clear()
            self._known[key] = (now, value)
        return value

    def forget(self, key: Hashable) -> None:
        """Ask the database the next time."""
        with self._lock:
            self._known.pop(key, None)

    def forget_all(self) -> None:
        """Ask the database about everything."""
        with self._lock:
            self._known.clear()
