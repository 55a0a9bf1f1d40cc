"""Detection of cuts: frames that show another scene than the frame before."""

from __future__ import annotations

import math

import cv2
import numpy as np

_SIZE = (16, 12)
_STEPS = (36, 64)
"""Rows and columns of the pixels that are read."""
_PIXEL = np.dtype("V3")
_NOISE = 3.0
"""Standard deviation in grey levels below which the content of a thumbnail is noise."""
OTHER_SCENE = 0.6
"""Similarity below which two frames show different scenes."""

PERHAPS_OTHER_SCENE = 0.9
"""Similarity below which a cut may lie between two frames: a cut within one room, or a fast motion. Frames of
a recording without a cut are more similar than 0.94."""


class CutDetector:
    """Compares small thumbnails of consecutive frames."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the last frame."""
        self._keep(None)

    def update(self, image: np.ndarray) -> float:
        """Add a ``(height, width, 3)`` uint8 frame.

        Returns:
            Similarity with the frame before, at most 1: the correlation of the colours in 12 x 16 cells.
        """
        last, last_square = self._last, self._square
        self._keep(_thumbnail(image))
        if last is None or self._last is None:
            return 1.0
        # Two frames of one colour correlate fully.
        floor = _NOISE**2 * last.size
        shared = float(np.vdot(last, self._last)) + floor
        return shared / math.sqrt((last_square + floor) * (self._square + floor))

    def _keep(self, thumbnail: np.ndarray | None) -> None:
        self._last = thumbnail
        self._square = 0.0 if thumbnail is None else float(np.vdot(thumbnail, thumbnail))

    def as_json(self) -> list | None:
        """Return the last thumbnail, exactly, as JSON values."""
        return None if self._last is None else self._last.tolist()

    def restore(self, values: list | None) -> None:
        """Restore the value of :meth:`as_json`."""
        self._keep(None if values is None else np.array(values, np.float32))


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """Return ``(12, 16, 3)`` float32 of mean zero, from a few pixels of the image."""
    rows, columns = (max(1, side // steps) for side, steps in zip(image.shape, _STEPS, strict=False))
    # As single elements, pixels are copied faster than as three bytes each.
    picked = image.view(_PIXEL)[::rows, ::columns].copy().view(np.uint8)
    small = cv2.resize(picked, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    return small - np.add.reduce(small, axis=None) / small.size
