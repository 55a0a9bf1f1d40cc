"""Blinks of the faces of a live session, kept by their time in the source."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from livefan.core.face_measures import Blink
from livefan.live.result import Result
from livefan.measures.blinks import LEFT, RIGHT, find_blinks

_MAX_FRAMES = 240
"""Frames of a face in which blinks are searched: eight seconds at 30 frames a second."""
_MAX_BLINKS = 10_000
"""Largest number of blinks that are kept; the oldest are dropped."""


class _Run:
    """The lids of one face on consecutive frames."""

    def __init__(self) -> None:
        self.last = (-1, -1)  # epoch and index of the last frame
        self._lids: deque[tuple[float, float, float]] = deque(maxlen=_MAX_FRAMES)

    def add(self, seconds: float, right: float, left: float) -> list[Blink]:
        """Add a frame; return the blinks of the run if the lids open on this frame, else nothing."""
        before = max(self._lids[-1][1:]) if self._lids else 0.0
        self._lids.append((seconds, right, left))
        if max(right, left) >= before:
            return []
        times, *lids = np.array(self._lids).T
        return find_blinks(times, *lids)


class BlinkHistory:
    """Finds blinks in the results of the first model; for use from any thread.

    A blink that is played again, as after a jump back, counts once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[int, _Run] = {}
        self._blinks: deque[Blink] = deque(maxlen=_MAX_BLINKS)

    def add(self, result: Result) -> None:
        """Add a result of the first model; photographs have no blinks."""
        if result.photographs:
            return
        key = (result.epoch, result.frame.index)
        with self._lock:
            runs, self._runs = self._runs, {}
            for face in result.faces:
                if face.expressions is None:
                    continue
                run = runs.get(face.track_id)
                if run is None or run.last not in (key, (key[0], key[1] - 1)):
                    run = _Run()
                if run.last != key:  # else a paused frame, passed on again
                    run.last = key
                    lids = float(face.expressions[RIGHT]), float(face.expressions[LEFT])
                    for blink in run.add(result.frame.source_time, *lids):
                        self._keep(blink)
                self._runs[face.track_id] = run

    def _keep(self, blink: Blink) -> None:
        if not any(_overlap(blink, each) for each in self._blinks):
            self._blinks.append(blink)

    @property
    def blinks(self) -> tuple[Blink, ...]:
        """All blinks found on this source, in the order in which they were found."""
        with self._lock:
            return tuple(self._blinks)

    def clear(self) -> None:
        """Forget all blinks, as for another source."""
        with self._lock:
            self._runs.clear()
            self._blinks.clear()


def _overlap(one: Blink, other: Blink) -> bool:
    return one.start_s < other.start_s + other.duration_s and other.start_s < one.start_s + one.duration_s
