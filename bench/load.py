"""Driving one scenario with a number of connections, and what came out."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field


class Wrong(Exception):
    """An answer that a client would not accept."""


@dataclass
class Result:
    """What a run did; durations in seconds, of what succeeded only."""

    name: str
    elapsed_s: float = 0.0
    durations: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return len(self.durations) / self.elapsed_s if self.elapsed_s else 0.0

    def percentile(self, percent: float) -> float:
        """The duration that this share of the runs did not exceed; 0 when nothing succeeded."""
        ranked = sorted(self.durations)
        return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))] if ranked else 0.0


async def drive(
    result: Result,
    works: Sequence[Callable[[], Awaitable[None]]],
    *,
    seconds: float,
    warm_up_s: float,
    rate: float = 0.0,
) -> Result:
    """Let every work repeat itself until the time is over; what begins in the warm-up is not counted.

    With a `rate` in works a second they take turns at it, else each begins anew when it has ended.
    """
    started = time.perf_counter() + warm_up_s
    ends = started + seconds
    every_s = len(works) / rate if rate else 0.0
    await asyncio.gather(
        *(
            _repeat(
                work, result, started=started, ends=ends, every_s=every_s, delay_s=every_s * turn / len(works)
            )
            for turn, work in enumerate(works)
        )
    )
    result.elapsed_s = time.perf_counter() - started
    return result


async def _repeat(
    work: Callable[[], Awaitable[None]],
    result: Result,
    *,
    started: float,
    ends: float,
    every_s: float,
    delay_s: float,
) -> None:
    await asyncio.sleep(delay_s)
    while (began := time.perf_counter()) < ends:
        try:
            await work()
        except (Wrong, OSError, TimeoutError) as error:
            if began >= started:
                result.errors[f"{type(error).__name__}: {error}"[:160]] += 1
            await asyncio.sleep(0.05)
        else:
            if began >= started:
                result.durations.append(time.perf_counter() - began)
        if every_s:
            await asyncio.sleep(max(0.0, began + every_s - time.perf_counter()))
