"""Aspect ratios of eyes and mouth: how far they are open, whatever the size of the face."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from livefan.core.face_measures import AspectRatios
from livefan.core.landmarks import COFW_29, IBUG_68, WFLW_98, LandmarkScheme

_Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Part:
    """Landmark pairs (upper, lower) whose distances are the height, and the pair that is the width."""

    heights: _Pairs
    width: tuple[int, int]

    def aspect_ratio(self, points_px: list[list[float]]) -> float:
        """Return the mean height over the width."""
        # Plain numbers: for so few of these, arrays would take several times longer.
        height = sum(_distance(points_px, pair) for pair in self.heights) / len(self.heights)
        return height / max(_distance(points_px, self.width), 1e-6)


def _distance(points_px: list[list[float]], pair: tuple[int, int]) -> float:
    return math.dist(points_px[pair[0]], points_px[pair[1]])


_PARTS = {
    IBUG_68.name: (
        _Part(((37, 41), (38, 40)), (36, 39)),
        _Part(((43, 47), (44, 46)), (42, 45)),
        _Part(((61, 67), (62, 66), (63, 65)), (60, 64)),
    ),
    WFLW_98.name: (
        _Part(((61, 67), (62, 66), (63, 65)), (60, 64)),
        _Part(((69, 75), (70, 74), (71, 73)), (68, 72)),
        _Part(((89, 95), (90, 94), (91, 93)), (88, 92)),
    ),
    # Its lips have no inner corners; the outer ones serve.
    COFW_29.name: (
        _Part(((12, 13),), (8, 10)),
        _Part(((14, 15),), (9, 11)),
        _Part(((25, 26),), (22, 23)),
    ),
}


def aspect_ratios(points_px: np.ndarray, scheme: LandmarkScheme) -> AspectRatios:
    """Return the aspect ratios of the eyes and the mouth of a face.

    Args:
        points_px: ``(n, 2)`` landmarks of ``scheme`` in image pixels.

    Returns:
        The ratios; all NaN if the lids and lips of the scheme are unknown, as in a user's own.
    """
    if scheme.name not in _PARTS:
        return AspectRatios(math.nan, math.nan, math.nan)
    points = points_px.tolist()
    right, left, mouth = (part.aspect_ratio(points) for part in _PARTS[scheme.name])
    return AspectRatios(right, left, mouth)
