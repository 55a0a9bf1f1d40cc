"""The interface of every external model: an image in, faces with landmarks out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from livefan.core.landmarks import LandmarkScheme


@dataclass(frozen=True)
class FoundFace:
    """A face that an external model found.

    Attributes:
        points_px: ``(n, 2)`` float64 landmarks ``(x, y)`` in image pixels, pixel centres at integers.
        confidence: ``(n,)`` float64 in [0, 1]; None if the model has none.
    """

    points_px: np.ndarray
    confidence: np.ndarray | None = None


class FaceFinder(Protocol):
    """An external model. It finds faces itself, and may track them. Threads must not share it.

    Attributes:
        name: program with its version, or runtime and precision.
        scheme: the landmark scheme.
    """

    name: str
    scheme: LandmarkScheme

    def find(self, image: np.ndarray, time: float, max_faces: int) -> list[FoundFace]:
        """Return the faces of the next frame.

        Args:
            image: ``(height, width, 3)`` uint8 BGR.
            time: time of the frame in seconds; rises from frame to frame.
            max_faces: largest number of faces.
        """

    def find_alone(self, image: np.ndarray, max_faces: int) -> list[FoundFace]:
        """Return the faces of a single photograph; tracked faces are forgotten."""

    def reset(self) -> None:
        """Forget all faces: the next frame does not follow the last."""

    def close(self) -> None:
        """Release the model."""
