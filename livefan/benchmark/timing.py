"""Wall and CPU times of tasks that run in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Timing:
    """Times of one task, in milliseconds.

    Attributes:
        median: median wall time.
        p95: 95th percentile of the wall time.
        n: number of measurements.
        processor: mean CPU time of all threads of this process. Other programs hardly change it. It is a mean
            because the system counts the time of threads on other cores in ticks longer than a frame.
    """

    median: float
    p95: float
    n: int
    processor: float

    @property
    def per_second(self) -> float:
        """Rate in tasks a second, from the median."""
        return 1000 / self.median


@dataclass(frozen=True)
class Elsewhere:
    """Result of a task that another process ran and timed itself.

    Attributes:
        seconds, processor_seconds: wall and CPU time of the other process.
        faces: number of faces found.
    """

    seconds: float
    processor_seconds: float
    faces: int


def summarise(seconds: Sequence[float], processor_seconds: Sequence[float]) -> Timing:
    """Return the statistics of wall times and CPU times, both given in seconds."""
    median, p95 = (float(np.percentile(seconds, share)) * 1e3 for share in (50, 95))
    return Timing(median, p95, len(seconds), float(np.mean(processor_seconds)) * 1e3)


class Stopwatch:
    """Measures wall and CPU times between :meth:`begin` and :meth:`end`."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all measurements."""
        self._seconds: list[float] = []
        self._processor_seconds: list[float] = []

    def begin(self) -> None:
        """Start a measurement."""
        self._processor_begun = time.process_time()
        self._begun = time.perf_counter()

    def end(self, result: object = None) -> None:
        """Stop and keep the measurement, or the one that an :class:`Elsewhere` result brings along."""
        if isinstance(result, Elsewhere):
            self._seconds.append(result.seconds)
            self._processor_seconds.append(result.processor_seconds)
            return
        self._seconds.append(time.perf_counter() - self._begun)
        self._processor_seconds.append(time.process_time() - self._processor_begun)

    def timing(self, warm_up: int = 0) -> Timing:
        """Return the statistics without the first ``warm_up`` measurements."""
        return summarise(self._seconds[warm_up:], self._processor_seconds[warm_up:])


def time_in_turn(
    tasks: Mapping[str, Callable[[_Item], object]], items: Sequence[_Item], warm_up: int = 5
) -> dict[str, Timing]:
    """Run every task on each item before the next item, so that other programs slow all tasks alike.

    Args:
        tasks: function of an item, by name.
        items: items in order.
        warm_up: number of first items that do not count.
    """
    watches = {name: Stopwatch() for name in tasks}
    for item in items:
        for name, task in tasks.items():
            watches[name].begin()
            watches[name].end(task(item))
    return {name: watch.timing(warm_up) for name, watch in watches.items()}


def time_in_blocks(
    tasks: Mapping[str, Callable[[_Item], object]],
    items: Sequence[_Item],
    *,
    block: int = 25,
    warm_up: int = 5,
    fresh: Callable[[_Item], _Item] = lambda item: item,
) -> dict[str, Timing]:
    """Run every task on each block of items before the next block.

    Within a block a task has the CPU caches for itself, as on a user's machine. Other programs and changes of
    the clock rate affect all tasks alike.

    Args:
        tasks: function of an item, by name.
        items: items in order.
        block: number of items in a block.
        warm_up: number of first items of a block that do not count.
        fresh: copies an item before each use; this time does not count.
    """
    watches = {name: Stopwatch() for name in tasks}
    for start in range(0, len(items), block):
        for name, task in tasks.items():
            for number, item in enumerate(items[start : start + block]):
                made = fresh(item)
                if number >= warm_up:
                    watches[name].begin()
                    watches[name].end(task(made))
                else:
                    task(made)
    return {name: watch.timing() for name, watch in watches.items()}
