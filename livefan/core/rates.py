"""Rates of events."""

from __future__ import annotations

import time
from collections import deque


class RateMeter:
    """Events a second over a sliding window; safe to read from any thread.

    Args:
        window: length of the window in seconds.
    """

    def __init__(self, window: float = 1.5) -> None:
        self._window = window
        self._times: deque[float] = deque(maxlen=1000)

    def tick(self) -> None:
        """Count one event."""
        self._times.append(time.perf_counter())

    def rate(self) -> float:
        """Return events a second; 0.0 with fewer than two events in the window."""
        now = time.perf_counter()
        recent = [moment for moment in tuple(self._times) if now - moment <= self._window]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-6)
