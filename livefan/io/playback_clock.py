"""When the frames of a recording are due for display."""

from __future__ import annotations

LATE_S = 0.1
"""Longest delay in seconds that playback catches up; after a longer one, the clock is set back."""


class PlaybackClock:
    """Maps source times to :func:`time.perf_counter`, and starts anew after jumps, pauses and delays.

    Attributes:
        speed: seconds of the source per second of real time; call :meth:`reset` after a change.
    """

    def __init__(self) -> None:
        self.speed = 1.0
        self._origin: float | None = None  # perf_counter at which source time 0 is due
        self._epoch = 0

    def reset(self) -> None:
        """Make the next frame due at once."""
        self._origin = None

    def due(self, source_time: float, epoch: int, now: float) -> float:
        """Return the ``perf_counter`` time at which a frame is due.

        Args:
            source_time: of the frame, in seconds.
            epoch: rises when frames do not follow each other; the first frame of an epoch is due at once.
            now: the current ``perf_counter`` time.
        """
        passes_at = source_time / self.speed
        late = self._origin is not None and now - (self._origin + passes_at) > LATE_S
        if self._origin is None or late or epoch != self._epoch:
            self._origin, self._epoch = now - passes_at, epoch
        return self._origin + passes_at
