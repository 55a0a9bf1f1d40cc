"""Decoded frames on their way from the measurement to the renderer, so that small videos are decoded once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from livefan.annotation.measure import BATCH, REACH, REACH_BYTES
from livefan.annotation.postprocess import window_sizes
from livefan.core.frame import Frame

_IN_FLIGHT = 8
"""Frames on which the network works, and a reserve."""
_WAIT_S = 0.5


class FrameBuffer:
    """A queue of frames between two threads that holds as many frames as the annotation looks ahead.

    Args:
        capacity: largest number of frames. See :func:`capacity_for`.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, frame: Frame, check: Callable[[], None] = lambda: None) -> None:
        """Add a frame; wait while the queue is full.

        Args:
            check: called while it waits; raises the error of the thread that takes frames, if it ended.
        """
        with self._changed:
            while len(self._frames) >= self._capacity and not self._closed:
                if not self._changed.wait(_WAIT_S):
                    check()
            if not self._closed:
                self._frames.append(frame)
                self._changed.notify_all()

    def get(self) -> Frame | None:
        """Return the next frame; wait for it. None after :meth:`stop`."""
        with self._changed:
            while not self._frames and not self._closed:
                self._changed.wait(_WAIT_S)
            if self._closed:
                return None
            frame = self._frames.popleft()
            self._changed.notify_all()
            return frame

    def stop(self) -> None:
        """Drop all frames, now and later; nothing waits any more."""
        with self._changed:
            self._closed = True
            self._frames.clear()
            self._changed.notify_all()


def capacity_for(size: tuple[int, int], longest_gap: float, fps: float | None) -> int | None:
    """Return the capacity that an annotation needs; None if it exceeds the memory of the frames within reach.

    The frames within reach of :mod:`livefan.annotation.measure` are the same images, so that memory stays
    below :data:`livefan.annotation.measure.REACH_BYTES` with the buffer too.

    Args:
        size: width and height of the recording in pixels.
        longest_gap: gaps up to this many seconds are filled.
        fps: mean frame rate, if known.
    """
    chunk, context = window_sizes(longest_gap, fps)
    capacity = chunk + context + REACH + BATCH + _IN_FLIGHT
    return capacity if 3 * size[0] * size[1] * capacity <= REACH_BYTES else None
