"""The interface of every landmark model: frames in, faces with landmarks and ids out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import numpy as np

from livefan.core.frame import Face, Frame
from livefan.core.landmarks import LandmarkScheme
from livefan.networks.checkpoint_info import Head


class LandmarkModel(Protocol):
    """A model that finds and tracks faces. :class:`livefan.tracking.pipeline.Pipeline` is livefan's own.

    Attributes:
        smoothing: strength of the Kalman filter of the landmarks, from 0 (none) to 1.
        max_faces: largest number of tracked faces.
    """

    smoothing: float
    max_faces: int

    @property
    def scheme(self) -> LandmarkScheme:
        """The landmark scheme of the faces."""

    @property
    def ran_by(self) -> str:
        """Runtime and precision, or program and version."""

    def process(self, frame: Frame) -> list[Face]:
        """Return the faces of the next frame of a source, in the order of their ids."""

    def process_image(self, image: np.ndarray) -> list[Face]:
        """Return the faces of a single image, ``(height, width, 3)`` uint8 BGR, unsmoothed."""

    @property
    def heads(self) -> frozenset[Head]:
        """The heads that run beside the landmarks."""

    def want_heads(self, heads: Collection[Head]) -> None:
        """Choose the heads that run; see :class:`livefan.tracking.pipeline.Pipeline`."""

    def warm_up(self) -> None:
        """Run everything once, so that the time of the first frame is that of any other."""

    def reset(self) -> None:
        """Forget all faces, as for a new source; ids start at 1 again."""

    def close(self) -> None:
        """Release the model and its threads."""
