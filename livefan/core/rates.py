"""How often something happens."""

from __future__ import annotations

import time
from collections import deque


class RateMeter:
    """Events a second over the last while; may be read from any thread.

    Args:
        window: how far back to count, in seconds.
    """

    def __init__(self, window: float = 1.5) -> None:
        self._window = window
        self._times: deque[float] = deque(maxlen=1000)

    def tick(self) -> None:
        """Count one event, now."""
        self._times.append(time.perf_counter())

    def rate(self) -> float:
        """Events a second, 0.0 while fewer than two are recent."""
        now = time.perf_counter()
        recent = [moment for moment in tuple(self._times) if now - moment <= self._window]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-6)
