"""What a face looks like, roughly: the colours of skin, hair, brows and beard where they are on it."""

from __future__ import annotations

import cv2
import numpy as np

from livefan.core.crop import upright_crop
from livefan.core.landmarks import LandmarkScheme

_CELLS = 8

SAME_LOOK = 3.0
"""Looks of one person differ by less than this. Of nine recordings of nine people, the first third differed
from the last by 0.5 to 3.7 (seven of them by less than 3), and those of different people by 3.3 or more."""


def look_of(image: np.ndarray, points_px: np.ndarray, scheme: LandmarkScheme) -> np.ndarray:
    """``(192,)`` float32: the face's upright crop as 8 x 8 cells of CIE L*a*b* colour.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        points_px: ``(n, 2)`` landmarks of ``scheme`` in image pixels.
    """
    crop = upright_crop(points_px, scheme, size=8 * _CELLS).cut(image)
    colours = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    return cv2.resize(colours, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()


def difference(look: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of two looks, in units of L*a*b*."""
    return float(np.abs(look - other).mean())
