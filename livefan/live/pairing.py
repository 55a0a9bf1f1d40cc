"""Brings together what two models made of the same frame, whichever is first."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import replace

import numpy as np

from livefan.core.agreement import disagree, pair_faces
from livefan.live.heatmaps import FaceHeatmaps
from livefan.live.result import Pair, Result

_REMEMBERED = 256
"""Results that wait for the other model's: of eight seconds, at 30 frames a second."""
_EXPLAINED = 16
"""Results whose heatmaps, which are large, are kept that long."""
_NO_PICTURE = np.empty((0, 0, 3), np.uint8)


class Pairing:
    """Takes the results of two models, each from its own thread, and hands out pairs of one frame."""

    def __init__(self) -> None:
        self._waiting: tuple[OrderedDict[tuple[int, int], Result], ...] = (OrderedDict(), OrderedDict())
        self._explained: deque[tuple[tuple[int, int], tuple[FaceHeatmaps, ...]]] = deque(maxlen=_EXPLAINED)
        self._lock = threading.Lock()

    def add(self, side: int, result: Result) -> Pair | None:
        """Take a result of the first (0) or second (1) model; the pair, if the other's is there."""
        key = result.epoch, result.frame.index
        with self._lock:
            other = self._waiting[1 - side].get(key)
            waiting = self._waiting[side]
            waiting[key] = _without_picture(result)
            if side == 0 and result.heatmaps:
                self._explained.append((key, result.heatmaps))
            heatmaps = next((maps for of, maps in self._explained if of == key), ())
            while len(waiting) > _REMEMBERED:
                waiting.popitem(last=False)
        if other is None:
            return None
        other = replace(other, frame=result.frame)
        return pair(result, other) if side == 0 else pair(replace(other, heatmaps=heatmaps), result)

    def clear(self) -> None:
        """Forget everything, as when a model was exchanged."""
        with self._lock:
            for waiting in self._waiting:
                waiting.clear()
            self._explained.clear()


def _without_picture(result: Result) -> Result:
    """Pictures and heatmaps are large, and whoever completes a pair brings the picture along."""
    return replace(result, frame=replace(result.frame, image=_NO_PICTURE), heatmaps=())


def pair(first: Result, second: Result) -> Pair:
    """Two results of one frame, with how far they are apart."""
    if first.scheme != second.scheme:
        return Pair(first, second, ())
    apart = (
        disagree(a.points_px, b.points_px, first.scheme, first.frame, a.track_id)
        for a, b in pair_faces(first.faces, second.faces)
    )
    return Pair(first, second, tuple(apart))
