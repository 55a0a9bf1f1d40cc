"""Run a network on crops of an image: cut, infer, and map back to the image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from livefan.core.crop import Crop
from livefan.runtimes.base import Runtime


@dataclass(frozen=True)
class Located:
    """The landmarks of the face in one crop, in the image it was cut from.

    Attributes:
        points_px: ``(n, 2)`` float64 ``(x, y)`` in image pixels.
        confidence: ``(n,)`` float64 in [0, 1].
        spread_px: ``(n,)`` float64, how far each landmark's heatmap is smeared, in image pixels; see
            :class:`livefan.networks.heatmaps.Decoded`.
        margin: how far from the crop's edge they all stay, as a share of its side.
    """

    points_px: np.ndarray
    confidence: np.ndarray
    sigma_px: np.ndarray
    margin: float = 0.5

    @cached_property
    def face_score(self) -> float:
        """How surely the crop held a face, in [0, 1]."""
        return float(self.confidence.sum()) / len(self.confidence)


def locate(runtime: Runtime, image: np.ndarray, crops: list[Crop]) -> list[Located]:
    """Landmarks of the faces in some crops of one image.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        crops: where the faces are; they are cut in the size that the runtime wants.
    """
    if not crops:
        return []
    crops = [crop.sized(runtime.input_size) for crop in crops]
    landmarks = runtime.run_each(len(crops), lambda number, place: crops[number].cut(image, out=place))
    return [_in_image(crop, found) for crop, found in zip(crops, landmarks.astype(np.float64), strict=True)]


def _in_image(crop: Crop, found: np.ndarray) -> Located:
    places = found[:, :2]
    margin = min(float(places.min()), crop.size - 1 - float(places.max())) / crop.size
    sigma_px = found[:, 3] * (crop.side_px / crop.size)
    return Located(crop.to_image(places), found[:, 2], sigma_px, margin)
