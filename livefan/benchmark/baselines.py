"""Other programs that find face landmarks on a CPU, to run on the same frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from livefan.core.errors import LivefanError
from livefan.external_models import open as external
from livefan.external_models.mediapipe_finder import MeshFinder

MEDIAPIPE, DLIB = "MediaPipe FaceLandmarker", "dlib 68"
_FRAME_S = 0.04
"""Step of MediaPipe's clock from frame to frame."""


def mediapipe_problem() -> str | None:
    """Return the reason why MediaPipe cannot run here, or None."""
    try:
        external.check_external(external.MEDIAPIPE)
    except LivefanError as error:
        return str(error)
    return None


@contextmanager
def mediapipe_face_landmarker() -> Iterator[Callable[[np.ndarray], list]]:
    """Yield a function that tracks one face through ``(height, width, 3)`` uint8 BGR frames with MediaPipe.

    The function returns a list with the 478 normalised landmarks of each face. It converts the frame to RGB,
    as every user of MediaPipe has to.

    Raises:
        LivefanError: if MediaPipe cannot run here.
    """
    finder, n_frames = MeshFinder(), 0

    def track(image: np.ndarray) -> list:
        nonlocal n_frames
        n_frames += 1
        return finder.landmarks(image, n_frames * _FRAME_S, 1)

    try:
        track(np.zeros((64, 64, 3), np.uint8))
        yield track
    finally:
        finder.close()
