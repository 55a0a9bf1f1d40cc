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
    """

    median: float
    p95: float
    n: int

    @property
    def per_second(self) -> float:
        """How often it can be done in a second, by the median."""
        return 1000 / self.median


def summarise(seconds: Sequence[float]) -> Timing:
    """Median and 95th percentile of some times in seconds."""
    return Timing(float(np.median(seconds)) * 1e3, float(np.percentile(seconds, 95)) * 1e3, len(seconds))


def time_in_turn(
    tasks: Mapping[str, Callable[[_Item], object]], items: Sequence[_Item], warm_up: int = 5
) -> dict[str, Timing]:
    """Do every task on every item, task after task, so that what else the machine does slows all alike.

    Args:
        tasks: by name, what to do with an item.
        items: given to the tasks in order.
        warm_up: so many items are not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for item in items:
        for name, task in tasks.items():
            begun = time.perf_counter()
            task(item)
            seconds[name].append(time.perf_counter() - begun)
    return {name: summarise(times[warm_up:]) for name, times in seconds.items()}
