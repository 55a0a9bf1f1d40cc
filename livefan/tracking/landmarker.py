"""Landmarks of the faces in some crops of an image: cut, infer, map back to the image."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from livefan.core.boxes import bounding_box
from livefan.core.crop import Crop, upright_crop
from livefan.networks.sigma_calibration import EXPECTED_ERROR
from livefan.runtimes.base import Runtime

MIN_FACE_SCORE = 0.4
"""Face score below which a crop shows no face; see docs/experiments.md."""

SHOWN_FACE_SCORE = 0.6
"""Face score below which the landmarks of a face may be in a wrong place; see docs/experiments.md."""

SURE_FACE_SCORE = 0.7
"""Face score from which a crop certainly shows an upright face."""

CONFIRMED_FACE_SCORE = 0.75
"""Face score that a track must reach once before its face is shown. Faces reach it; other objects that the
detector takes for a face do not; see docs/experiments.md."""

GOOD_FACE_SCORE = 0.8
"""Face score from which landmarks are in the right place. In ``benchmark --tracking``, all landmarks with an
error above 10 % of the eye distance have a lower score."""

_SIDES = (0.75, 0.87, 1.0, 1.15, 1.35)
_ANGLES = (-0.5, 0.5)
"""Factors of the side, and rotations in radians, of the crops in which an uncertain face is located again."""

_MIN_GAIN = 0.01
"""Gain of the face score from which these crops change the landmarks of a face; see docs/experiments.md."""


@dataclass(frozen=True)
class Located:
    """Landmarks of the face in one crop, in the pixels of the image.

    Attributes:
        points_px: ``(n, 2)`` float64 ``(x, y)`` in image pixels.
        heatmap_confidence: ``(n,)`` float64 in [0, 1], not calibrated; see
            :class:`livefan.networks.heatmaps.Decoded`.
        width_px: ``(n,)`` float64 width of the heatmap of each landmark in image pixels; see
            :class:`livefan.networks.heatmaps.Decoded`. Filters take it as the measurement noise.
        margin: distance of the outermost landmark from the edge of the crop, as a share of its side.
        off_centre: distance of the middle of the landmarks from that of the crop, in face sizes.
        sigma_px: ``(n,)`` float64 radius in image pixels that holds 68 % of the errors; the width, if the
            weights have no calibration. None if unknown.
        expressions: ``(k,)`` float32 expression coefficients in [0, 1]; None if no expression head ran.
        pupils_px: ``(2, 2)`` float64 centres of the irises, the person's right eye first; None likewise.
        occluded: ``(n,)`` float32 probability that each landmark is covered; None if no reliability head ran.
        presence: probability that the crop shows a face, in [0, 1]; None likewise.
    """

    points_px: np.ndarray
    heatmap_confidence: np.ndarray
    width_px: np.ndarray
    margin: float = 0.5
    off_centre: float = 0.0
    sigma_px: np.ndarray | None = None
    expressions: np.ndarray | None = None
    pupils_px: np.ndarray | None = None
    occluded: np.ndarray | None = None
    presence: float | None = None

    @cached_property
    def box_px(self) -> np.ndarray:
        """``(4,)`` bounding box of the landmarks: left, top, right, bottom."""
        return bounding_box(self.points_px)

    @cached_property
    def face_score(self) -> float:
        """Mean confidence of the heatmaps, in [0, 1]."""
        return float(np.add.reduce(self.heatmap_confidence)) / len(self.heatmap_confidence)


def locate(runtime: Runtime, image: np.ndarray, crops: list[Crop]) -> list[Located]:
    """Return the landmarks in each crop of an image.

    Args:
        runtime: the network.
        image: ``(height, width, 3)`` uint8 BGR.
        crops: crops around the faces; they are cut in the input size of the network.
    """
    if not crops:
        return []
    crops = [crop.sized(runtime.input_size) for crop in crops]
    landmarks = runtime.run_each(len(crops), lambda number, out: crops[number].cut(image, out=out))
    return [
        _in_image(crop, found, runtime, number)
        for number, (crop, found) in enumerate(zip(crops, landmarks.astype(np.float64), strict=True))
    ]


def locate_twice(runtime: Runtime, image: np.ndarray, crops: list[Crop]) -> list[Located]:
    """Return the landmarks in the crops that the landmarks in the given crops lead to.

    The crop from a detection is less accurate than the crop from landmarks.
    """
    first = locate(runtime, image, crops)
    return locate(runtime, image, [upright_crop(located.points_px, runtime.scheme) for located in first])


def locate_rotated(runtime: Runtime, image: np.ndarray, crop: Crop, upright: Located) -> Located:
    """Return the best landmarks of a new face among four rotations of its crop by quarters.

    The detector finds faces that lie on their side or upside down, but may report them as upright. The
    network then returns a medium face score.

    Args:
        crop: crop from the detection.
        upright: landmarks from this crop as it is.
    """
    if not MIN_FACE_SCORE <= upright.face_score < SURE_FACE_SCORE:
        return upright
    rotated = [replace(crop, angle=crop.angle + quarters * math.pi / 2) for quarters in (1, 2, 3)]
    return max([upright, *locate_twice(runtime, image, rotated)], key=lambda each: each.face_score)


def locate_detected(runtime: Runtime, image: np.ndarray, crops: list[Crop]) -> list[Located]:
    """Return the landmarks of new faces, given the crops from their detections.

    A face that is uncertain in the crop from its landmarks is located again in rotated crops, and in crops of
    several sizes and angles. Landmarks from a crop of unusual size or angle are less accurate than their face
    score suggests. Only those from the centred crop around them replace the first.
    """
    found = []
    for crop, upright in zip(crops, locate_twice(runtime, image, crops), strict=True):
        best = locate_rotated(runtime, image, crop, upright)
        if MIN_FACE_SCORE <= best.face_score < GOOD_FACE_SCORE:
            _, centred = _vary(runtime, image, upright_crop(best.points_px, runtime.scheme))
            best = centred if centred.face_score > best.face_score + _MIN_GAIN else best
        found.append(best)
    return found


def locate_varied(runtime: Runtime, image: np.ndarray, crop: Crop) -> Located:
    """Return the landmarks with the highest face score in crops of several sizes and angles."""
    return max(_vary(runtime, image, crop), key=lambda each: each.face_score)


def _vary(runtime: Runtime, image: np.ndarray, crop: Crop) -> tuple[Located, Located]:
    """Return the best landmarks in crops of several sizes and angles, and those in the crop around them."""
    crops = [replace(crop, side_px=crop.side_px * side) for side in _SIDES]
    crops += [replace(crop, angle=crop.angle + angle) for angle in _ANGLES]
    best = max(locate(runtime, image, crops), key=lambda each: each.face_score)
    (centred,) = locate(runtime, image, [upright_crop(best.points_px, runtime.scheme)])
    return best, centred


def _in_image(crop: Crop, found: np.ndarray, runtime: Runtime, number: int) -> Located:
    """Map the outputs of the network for a crop to the image.

    Args:
        crop: the crop.
        found: ``(n, 4)`` x, y, confidence of the heatmap, and width.
        runtime: the network; its last run has the outputs of the heads.
        number: number of the crop in this run.
    """
    points_crop = found[:, :2]
    left, top = np.minimum.reduce(points_crop).tolist()
    right, bottom = np.maximum.reduce(points_crop).tolist()
    last = crop.size - 1
    width_px = found[:, 3] * (crop.side_px / crop.size)
    expressions = pupils_px = occluded = presence = None
    if runtime.expressions is not None and runtime.pupils_crop is not None:
        expressions = runtime.expressions[number].copy()
        pupils_px = crop.to_image(runtime.pupils_crop[number])
    if runtime.occluded is not None and runtime.presence is not None:
        occluded, presence = runtime.occluded[number].copy(), float(runtime.presence[number])
    return Located(
        crop.to_image(points_crop),
        found[:, 2],
        width_px,
        min(left, top, last - right, last - bottom) / crop.size,
        math.hypot(left + right - last, top + bottom - last) / (2 * max(right - left, bottom - top, 1e-6)),
        _sigma_px(runtime, number, width_px, crop),
        expressions,
        pupils_px,
        occluded,
        presence,
    )


def _sigma_px(runtime: Runtime, number: int, width_px: np.ndarray, crop: Crop) -> np.ndarray | None:
    """Return the radii that hold 68 % of the errors; None if the head that estimates them did not run."""
    if runtime.calibration is None:
        return width_px
    if runtime.calibration.of != EXPECTED_ERROR:
        return runtime.calibration.sigma(width_px, crop.side_px)
    if runtime.expected_error_crop is None:
        return None
    expected_crop = runtime.expected_error_crop[number].astype(np.float64)
    occluded = 0.0 if runtime.occluded is None else runtime.occluded[number].astype(np.float64)
    return runtime.calibration.sigma(expected_crop * (crop.side_px / crop.size), crop.side_px, occluded)
