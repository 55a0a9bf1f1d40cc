"""Blinks of the faces of a live session, kept by their time in the source."""

from __future__ import annotations

import math
import threading
from collections import deque

import numpy as np

from livefan.core.face_measures import Blink
from livefan.live.result import Result
from livefan.measures.aspect_ratios import aspect_ratios
from livefan.measures.blinks import find_blinks_by_ratio

_MAX_FRAMES = 240
"""Frames of a face in which blinks are searched: eight seconds at 30 frames a second."""
_MAX_BLINKS = 10_000
"""Largest number of blinks that are kept; the oldest are dropped."""


class _Run:
    """The aspect ratios of one face's eyes on consecutive frames."""

    def __init__(self) -> None:
        self.last = (-1, -1)  # epoch and index of the last frame
        self._ratios: deque[tuple[float, float, float]] = deque(maxlen=_MAX_FRAMES)
        self._searched = False

    def add(self, seconds: float, right: float, left: float) -> None:
        """Add a frame."""
        self._ratios.append((seconds, right, left))
        self._searched = False

    def new_blinks(self) -> list[Blink]:
        """Return the blinks among the last frames, unless they were returned before the last frame."""
        if self._searched:
            return []
        self._searched = True
        return find_blinks_by_ratio(*np.array(self._ratios).T)


class BlinkHistory:
    """Finds blinks in the results of the first model, from the aspect ratio of the eyes, in any thread.

    Blinks are searched when they are read or a face is lost: adding a result takes no time. A blink that is
    played again, as after a jump back, counts once.
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
            before, self._runs = self._runs, {}
            for face in result.faces:
                ratios = aspect_ratios(face.points_px, result.scheme)
                if math.isnan(ratios.right_eye):  # a scheme without lids
                    continue
                run = before.get(face.track_id)
                if run is None or run.last not in (key, (key[0], key[1] - 1)):
                    run = _Run()
                if run.last != key:  # else a paused frame, passed on again
                    run.last = key
                    run.add(result.frame.source_time, ratios.right_eye, ratios.left_eye)
                self._runs[face.track_id] = run
            for track_id, run in before.items():
                if self._runs.get(track_id) is not run:
                    self._keep(run)

    def _keep(self, run: _Run) -> None:
        for blink in run.new_blinks():
            if not any(_overlap(blink, each) for each in self._blinks):
                self._blinks.append(blink)

    @property
    def blinks(self) -> tuple[Blink, ...]:
        """All blinks found on this source, in the order in which they were found."""
        with self._lock:
            for run in self._runs.values():
                self._keep(run)
            return tuple(self._blinks)

    def clear(self) -> None:
        """Forget all blinks, as for another source."""
        with self._lock:
            self._runs.clear()
            self._blinks.clear()


def _overlap(one: Blink, other: Blink) -> bool:
    return one.start_s < other.start_s + other.duration_s and other.start_s < one.start_s + one.duration_s
