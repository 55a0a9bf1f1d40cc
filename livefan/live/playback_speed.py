"""Speed of playback: how fast a recording is shown, relative to real time."""

from __future__ import annotations

import time
from collections import deque

_WINDOW_S = 3.0
_MIN_S = 0.5
"""Shortest measured time in seconds for which a speed is returned."""


class PlaybackSpeed:
    """Measures seconds of a recording per second of real time; may be read from any thread."""

    def __init__(self) -> None:
        self._frames: deque[tuple[float, float]] = deque(maxlen=1000)  # perf_counter and source_time
        self._epoch = 0

    def add(self, source_time: float, epoch: int) -> None:
        """Add a frame, processed now; a new epoch starts a new measurement.

        Args:
            source_time: time of the frame in the recording, in seconds.
            epoch: rises if frames do not follow each other.
        """
        if epoch != self._epoch:
            self.clear()
            self._epoch = epoch
        self._frames.append((time.perf_counter(), source_time))

    def clear(self) -> None:
        """Forget all frames, as after a pause."""
        self._frames.clear()

    def value(self) -> float | None:
        """Return the speed over the last three seconds: 1.0 for real time; None while it is unknown."""
        now = time.perf_counter()
        recent = [each for each in tuple(self._frames) if now - each[0] <= _WINDOW_S]
        if len(recent) < 2 or recent[-1][0] - recent[0][0] < _MIN_S:
            return None
        (started, first), (ended, last) = recent[0], recent[-1]
        return (last - first) / (ended - started)
