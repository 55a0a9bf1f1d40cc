"""Taking times, and what is reported of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Timing:
    """Many times of one thing, in milliseconds.

    Attributes:
        median, p95: median and 95th percentile.
        n: how many.
        processor: mean of the processor time that all threads of this process took. What else runs on the
            machine hardly moves it; on one core left alone it is the time itself. It is a mean because the
            system counts the time of threads on other cores by ticks longer than a frame.
    """

    median: float
    p95: float
    n: int
    processor: float

    @property
    def per_second(self) -> float:
        """How often it can be done in a second, by the median."""
        return 1000 / self.median


def summarise(seconds: Sequence[float], processor_seconds: Sequence[float]) -> Timing:
    """What is reported of some times, and of the processor times that go with them, in seconds."""
    median, p95 = (float(np.percentile(seconds, share)) * 1e3 for share in (50, 95))
    return Timing(median, p95, len(seconds), float(np.mean(processor_seconds)) * 1e3)


class Stopwatch:
    """Takes wall and processor times of what runs between :meth:`begin` and :meth:`end`."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget what was taken."""
        self._seconds: list[float] = []
        self._processor_seconds: list[float] = []

    def begin(self) -> None:
        """Start."""
        self._processor_begun = time.process_time()
        self._begun = time.perf_counter()

    def end(self) -> None:
        """Stop, and keep the times."""
        self._seconds.append(time.perf_counter() - self._begun)
        self._processor_seconds.append(time.process_time() - self._processor_begun)

    def timing(self, warm_up: int = 0) -> Timing:
        """What was taken, without the first times."""
        return summarise(self._seconds[warm_up:], self._processor_seconds[warm_up:])


def time_in_turn(
    tasks: Mapping[str, Callable[[_Item], object]], items: Sequence[_Item], warm_up: int = 5
) -> dict[str, Timing]:
    """Do every task on every item, task after task, so that what else the machine does slows all alike.

    Args:
        tasks: by name, what to do with an item.
        items: given to the tasks in order.
        warm_up: so many items are not counted.
    """
    watches = {name: Stopwatch() for name in tasks}
    for item in items:
        for name, task in tasks.items():
            watches[name].begin()
            task(item)
            watches[name].end()
    return {name: watch.timing(warm_up) for name, watch in watches.items()}


def time_in_blocks(
    tasks: Mapping[str, Callable[[_Item], object]],
    items: Sequence[_Item],
    *,
    block: int = 25,
    warm_up: int = 5,
    fresh: Callable[[_Item], _Item] = lambda item: item,
) -> dict[str, Timing]:
    """Do every task on every item, in blocks of items that go from task to task.

    Within a block a task runs as it does alone, with its own code and data in the caches, and yet what else
    the machine does, and how fast its clock runs, meets all alike.

    Args:
        tasks: by name, what to do with an item.
        items: given to the tasks in order.
        block: how many items a task gets before the next task gets the same ones.
        warm_up: so many items at the beginning of a block are not counted.
        fresh: makes the item anew before each use, which is not counted.
    """
    watches = {name: Stopwatch() for name in tasks}
    for start in range(0, len(items), block):
        for name, task in tasks.items():
            for number, item in enumerate(items[start : start + block]):
                made = fresh(item)
                if number >= warm_up:
                    watches[name].begin()
                    task(made)
                    watches[name].end()
                else:
                    task(made)
    return {name: watch.timing() for name, watch in watches.items()}
