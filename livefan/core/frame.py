"""What travels through livefan: a frame of a source, and the faces found on it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from livefan.core.errors import LivefanError

Damage = Literal["", "gap", "errors"]
"""What is wrong with a frame of a recording: nothing, frames lost right before it, or shown with errors."""


@dataclass(frozen=True)
class Frame:
    """One picture of a source.

    Attributes:
        image: ``(height, width, 3)`` uint8, BGR.
        index: number of the frame in its source, from 0; for a live source frames that were
            dropped are counted too.
        captured_at: when it was captured, in seconds of :func:`time.perf_counter`.
        source_time: its place on the source's own clock in seconds: the presentation timestamp of a
            recording, the time since the first frame of a live source.
        timestamp: of a recording, the exact presentation timestamp in seconds of the file's own
            clock; a whole number of its source's ``time_base``.
        damage: of a recording, what could not be read at this place.
    """

    image: np.ndarray
    index: int
    captured_at: float
    source_time: float
    timestamp: Fraction | None = None
    damage: Damage = ""


@dataclass(frozen=True)
class Face:
    """A face on a frame.

    Attributes:
        track_id: the same number for the same face on later frames, from 1.
        box_px: ``(4,)`` float64: left, top, right, bottom of the landmarks in image pixels.
        points_px: ``(n, 2)`` float64 landmarks ``(x, y)`` in image pixels, pixel centres at integers.
        confidence: ``(n,)`` float64 in [0, 1], one a landmark.
        spread_px: ``(n,)`` float64, how far the heatmap of each is spread, in image pixels; None where
            that is not known.
        raw_points_px: ``(n, 2)`` float64 landmarks as they were measured, before any filter; None where
            that is not known.
    """

    track_id: int
    box_px: np.ndarray
    points_px: np.ndarray
    confidence: np.ndarray
    sigma_px: np.ndarray | None = None
    raw_points_px: np.ndarray | None = None


def as_bgr(image: np.ndarray, name: str = "image") -> np.ndarray:
    """An image as contiguous ``(height, width, 3)`` uint8 BGR; grey, BGRA and 16 bits are converted.

    Args:
        name: what to call the image in an error.

    Raises:
        LivefanError: if it has no pixels, or another shape or type.
    """
    if not isinstance(image, np.ndarray) or image.ndim not in (2, 3) or image.size == 0:
        raise LivefanError(f"{name}: not an image with pixels, but of shape {np.shape(image)}")
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        raise LivefanError(f"{name}: pixels are {image.dtype}; uint8 or uint16 is needed")
    if image.ndim == 2:
        image = image[..., None]
    channels = image.shape[2]
    if channels == 1:
        image = np.repeat(image, 3, axis=2)
    elif channels == 4:
        image = image[..., :3]
    elif channels != 3:
        raise LivefanError(f"{name}: has {channels} channels; grey, BGR or BGRA is needed")
    return np.ascontiguousarray(image)
