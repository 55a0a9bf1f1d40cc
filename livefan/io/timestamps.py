"""Presentation timestamps that always increase."""

from __future__ import annotations

from fractions import Fraction

from av.video.frame import VideoFrame


class TimestampClock:
    """Gives each decoded picture a timestamp after the last, in ticks of a time base.

    Attributes:
        jumps: number of timestamps that lay a second or more before the last one.

    Args:
        time_base: seconds of a tick.
        period: seconds between pictures where no timestamp states them.
        start: the clock's reading at tick zero.
    """

    def __init__(self, time_base: Fraction, period: float, start: int) -> None:
        self.jumps = 0
        self._time_base = time_base
        self._step = max(1, round(period / time_base))
        self._second = max(1, round(1 / time_base))
        self._shift = -start
        self._last: int | None = None

    def tick(self, picture: VideoFrame) -> int:
        """Return the timestamp of the next picture."""
        self._last = self._after(self._last, picture)
        return self._last

    def _after(self, last: int | None, picture: VideoFrame) -> int:
        if picture.pts is None or picture.time_base is None:
            return 0 if last is None else last + self._step
        tick = picture.pts + self._shift
        if picture.time_base != self._time_base:
            tick = round(picture.pts * picture.time_base / self._time_base) + self._shift
        if last is None or tick > last:
            return tick
        if last - tick < self._second:  # pictures out of order, after damage
            return last + max(1, self._second // 1000)
        self.jumps += 1  # the clock starts anew: joined recordings
        self._shift += last + self._step - tick
        return last + self._step
