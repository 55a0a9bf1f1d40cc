"""Pair the results of two models on the same frame."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import replace

import numpy as np

from livefan.core.agreement import disagree_faces
from livefan.core.common_landmarks import common_landmarks
from livefan.live.heatmaps import FaceHeatmaps
from livefan.live.result import Pair, Result

_MAX_WAITING = 256
"""Number of results that wait for the other model: eight seconds at 30 frames a second."""
_MAX_HEATMAPS = 16
"""Number of waiting results whose heatmaps, which are large, are kept."""
_NO_IMAGE = np.empty((0, 0, 3), np.uint8)


class Pairing:
    """Pairs the results of two models, each added from its own thread."""

    def __init__(self) -> None:
        self._waiting: tuple[OrderedDict[tuple[int, int], Result], ...] = (OrderedDict(), OrderedDict())
        self._heatmaps: tuple[deque[tuple[tuple[int, int], tuple[FaceHeatmaps, ...]]], ...] = (
            deque(maxlen=_MAX_HEATMAPS),
            deque(maxlen=_MAX_HEATMAPS),
        )
        self._lock = threading.Lock()

    def add(self, side: int, result: Result) -> Pair | None:
        """Add a result of the first (0) or second (1) model; return the pair if it is complete."""
        key = result.epoch, result.frame.index
        with self._lock:
            other = self._waiting[1 - side].get(key)
            waiting = self._waiting[side]
            waiting[key] = without_images(result)
            if result.heatmaps:
                self._heatmaps[side].append((key, result.heatmaps))
            heatmaps = next((maps for of, maps in self._heatmaps[1 - side] if of == key), ())
            while len(waiting) > _MAX_WAITING:
                waiting.popitem(last=False)
        if other is None:
            return None
        other = replace(other, frame=result.frame, heatmaps=heatmaps)
        return pair(result, other) if side == 0 else pair(other, result)

    def clear(self) -> None:
        """Forget all results, as after a change of model."""
        with self._lock:
            for waiting in self._waiting:
                waiting.clear()
            for heatmaps in self._heatmaps:
                heatmaps.clear()


def without_images(result: Result) -> Result:
    """Return a result without its large arrays; the result that completes a pair brings the image."""
    return replace(result, frame=replace(result.frame, image=_NO_IMAGE), heatmaps=())


def pair(first: Result, second: Result) -> Pair:
    """Return two results of one frame with the distances between their common landmarks."""
    common = common_landmarks(first.scheme, second.scheme)
    return Pair(first, second, tuple(disagree_faces(first.faces, second.faces, common, first.frame)))
