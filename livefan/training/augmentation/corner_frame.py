"""The frame of an eye or a mouth, in which lids and lips are functions of one coordinate."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class CornerFrame:
    """A frame with its origin at the first corner: ``s`` runs to the other one, ``t`` down, both in pixels.

    Attributes:
        corner: ``(2,)`` origin in image pixels.
        along, down: ``(2,)`` unit vectors of ``s`` and ``t``.
        width: distance of the corners.
    """

    corner: np.ndarray
    along: np.ndarray
    down: np.ndarray
    width: float

    @classmethod
    def between(cls, first_px: np.ndarray, last_px: np.ndarray, downwards: np.ndarray) -> CornerFrame:
        """Return the frame of two corners; ``downwards`` is any vector to the side of larger ``t``."""
        across = last_px - first_px
        width = float(np.linalg.norm(across))
        along = across / max(width, 1e-9)
        down = np.array([-along[1], along[0]])
        return cls(first_px, along, down if downwards @ down > 0 else -down, width)

    def places(self, points_px: np.ndarray) -> np.ndarray:
        """Return ``(..., 2)`` ``s`` and ``t`` of points of the image."""
        return np.asarray((points_px - self.corner) @ np.stack([self.along, self.down], axis=1))

    def sample(self, image: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return the colours of an image at places of the frame, ``(*s.shape, 3)``."""
        at_px = self.corner + s[..., None] * self.along + t[..., None] * self.down
        x, y = np.moveaxis(at_px, -1, 0).astype(np.float32)
        return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
