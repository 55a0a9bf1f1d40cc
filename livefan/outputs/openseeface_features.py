"""The 14 features of OpenSeeFace, from ARKit coefficients.

OpenSeeFace sends each as a deviation from the person's median, from -1 to 1. An eye is 0 while it is open
and -1 while it is closed. The signs below are those of its tracker. Its corner of the mouth is positive where
it is lower than usual.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_SIDES = ("Left", "Right")
_EYES = slice(0, 2)

_FRAMES = 600
"""Frames over which the median of a face is taken."""
_SMALLEST_CLOSURE = 0.4
"""Least deviation of a closed eye. A deeper closure among the frames replaces it."""


class FaceFeatures:
    """Features of one face, measured from its own median."""

    def __init__(self) -> None:
        self._history = np.zeros((14, _FRAMES))  # a ring
        self._count = 0

    def next(self, values: Mapping[str, float]) -> list[float]:
        """Return the features of the next frame in the order of the packet, each in [-1, 1].

        Args:
            values: ARKit coefficients; unknown ones count as 0.
        """
        self._history[:, self._count % _FRAMES] = now = _features(values)
        self._count += 1
        history = self._history[:, : self._count]
        median = np.median(history, axis=1)
        deviation = now - median
        closure = np.maximum(_SMALLEST_CLOSURE, (median - history.min(axis=1))[_EYES])
        deviation[_EYES] /= np.where(deviation[_EYES] < 0, closure, 1.0)
        return np.clip(deviation, -1.0, 1.0).tolist()


def _features(values: Mapping[str, float]) -> np.ndarray:
    """Return the ``(14,)`` features before the median is subtracted."""

    def known(name: str) -> float:
        return values.get(name, 0.0)

    eyes = [known(f"eyeWide{side}") - known(f"eyeBlink{side}") for side in _SIDES]
    brows: list[float] = []
    corners: list[float] = []
    for side in _SIDES:
        inner, outer, down = known("browInnerUp"), known(f"browOuterUp{side}"), known(f"browDown{side}")
        steepness, up, quirk = inner - outer - down / 2, (inner + outer) / 2 - down, outer - down / 2
        brows += [steepness, up, quirk]
        smile, stretch = known(f"mouthSmile{side}"), known(f"mouthStretch{side}")
        narrow = (known("mouthPucker") + known("mouthFunnel")) / 2
        corners += [known(f"mouthFrown{side}") - smile, max(smile, stretch) - narrow]
    opened = known("jawOpen") - known("mouthClose")
    wide = (corners[1] + corners[3]) / 2
    return np.array([*eyes, *brows, *corners, opened, wide])
