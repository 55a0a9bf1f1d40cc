"""Close the eyes of a labelled face: stretch the upper lids over the eyes and move their landmarks.

Data sets contain few closed eyes. A network that is trained on them alone never closes the lids.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from livefan.core.landmarks import COFW_29, IBUG_68, WFLW_98, LandmarkScheme
from livefan.training.augmentation.corner_frame import CornerFrame

_SKIN = 0.35
"""Height of the skin above the lid that is stretched, in eye widths. The brow lies higher."""
_LASHES = 0.04
"""Distance from the landmarks down to the edge of the lid, in eye widths."""
_WINK_PROBABILITY = 0.15
"""Probability that one eye alone closes."""
_SHUT_PROBABILITY, _LEAST_SHUT, _LEAST_CLOSED = 0.6, 0.85, 0.2
"""Probability of nearly shut eyes; smallest closing of those, and of the other eyes."""
_SMALLEST_PX = 8.0
"""Narrower eyes, for example on the far side of a profile, are not changed."""


@dataclass(frozen=True)
class _Eye:
    """Landmark indices of both lids, from the same corner to the other."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]


_EYES = {
    IBUG_68.name: (_Eye((36, 37, 38, 39), (36, 41, 40, 39)), _Eye((42, 43, 44, 45), (42, 47, 46, 45))),
    WFLW_98.name: (
        _Eye((60, 61, 62, 63, 64), (60, 67, 66, 65, 64)),
        _Eye((68, 69, 70, 71, 72), (68, 75, 74, 73, 72)),
    ),
    COFW_29.name: (_Eye((8, 12, 10), (8, 13, 10)), _Eye((11, 14, 9), (11, 15, 9))),
}


def close_eyes(
    image: np.ndarray, points_px: np.ndarray, scheme: LandmarkScheme, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a face with one or both eyes closed, fully or in part.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        points_px: ``(n, 2)`` landmarks of ``scheme`` in its pixels.

    Returns:
        A new image, and the landmarks with moved upper lids.
    """
    image, points_px = image.copy(), points_px.copy()
    eyes: tuple[_Eye, ...] = _EYES.get(scheme.name, ())
    if not eyes:  # a user's scheme, whose lids are not known
        return image, points_px
    if rng.random() < _WINK_PROBABILITY:
        eyes = (eyes[int(rng.integers(2))],)
    closing = (
        rng.uniform(_LEAST_SHUT, 1.0)
        if rng.random() < _SHUT_PROBABILITY
        else rng.uniform(_LEAST_CLOSED, _LEAST_SHUT)
    )
    for eye in eyes:
        _lower_lid(image, points_px, eye, closing * rng.uniform(0.95, 1.0))
    return image, points_px


def _lower_lid(image: np.ndarray, points_px: np.ndarray, eye: _Eye, closing: float) -> None:
    """Close an eye by a share of its opening, in place.

    The axes of the eye's frame are the line through its corners and the normal of that line. The skin above
    the edge of the lid is stretched down to the new edge. The pixels below do not change.
    """
    upper, lower = points_px[list(eye.upper)], points_px[list(eye.lower)]
    frame = CornerFrame.between(upper[0], upper[-1], (lower - upper).sum(axis=0))
    width = frame.width
    if width < _SMALLEST_PX:
        return
    lid, floor = frame.places(upper), frame.places(lower)
    if min(np.diff(lid[:, 0]).min(), np.diff(floor[:, 0]).min()) <= 0:
        return  # too far in profile
    lid_at, floor_at = (PchipInterpolator(*curve.T, extrapolate=False) for curve in (lid, floor))

    corners = np.concatenate([upper, lower])
    reach = _SKIN * width + 2
    left, top = np.maximum(np.floor(corners.min(axis=0) - reach), 0).astype(int)
    right, bottom = np.ceil(corners.max(axis=0) + reach).astype(int) + 1
    part = image[top:bottom, left:right]
    if not part.size:
        return
    ys, xs = np.mgrid[top : top + part.shape[0], left : left + part.shape[1]]
    s, t = np.moveaxis(frame.places(np.stack([xs, ys], axis=-1)), -1, 0)
    edge = np.nan_to_num(lid_at(s), nan=np.inf)  # infinite beside the eye
    fall = closing * np.maximum(np.nan_to_num(floor_at(s)) - edge, 0)
    lashes = _LASHES * width * np.clip(4 * s / width * (1 - s / width), 0, 1)
    top_edge = edge - _SKIN * width
    with np.errstate(invalid="ignore"):
        share = (t - top_edge) / (edge + fall + lashes - top_edge)
        from_t = np.where(t > top_edge, top_edge + share * (edge + lashes - top_edge), t)
        covered = np.where(t > top_edge, np.clip(edge + fall + lashes - t + 0.5, 0, 1), 0)
    from_t = np.where(covered > 0, from_t, t)
    stretched = frame.sample(image, s, from_t).astype(np.float64)
    part[:] = np.round(part + covered[..., None] * (stretched - part)).astype(np.uint8)

    inner = list(eye.upper[1:-1])
    falls = closing * np.maximum(floor_at(lid[1:-1, 0]) - lid[1:-1, 1], 0)
    points_px[inner] += np.nan_to_num(falls)[:, None] * frame.down
