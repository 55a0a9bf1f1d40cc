"""Notice when a picture shows more faces than are tracked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from livefan.core.frame import Face
from livefan.detection.detector import Detection, FaceDetector
from livefan.live.result import Result

_EVERY_S = 3.0
"""Seconds between two counts: a count runs the face detector, which tracking then does without."""


class Detector(Protocol):
    """Finds faces, as :class:`livefan.detection.detector.FaceDetector` does."""

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Return the faces of an image."""


class Crowd:
    """Counts the faces of frames on which the largest number of faces is tracked.

    Args:
        new_detector: makes the detector, on first use.
    """

    def __init__(self, new_detector: Callable[[], Detector] = FaceDetector) -> None:
        self._new_detector = new_detector
        self._detector: Detector | None = None
        self._counted_at = -math.inf
        self._message = ""

    def add(self, result: Result, max_faces: int) -> str:
        """Return a message after one more result; empty while all faces are tracked.

        Args:
            result: the result.
            max_faces: largest number of tracked faces.
        """
        if len(result.faces) < max_faces:
            self._counted_at, self._message = -math.inf, ""
        elif result.photographs or result.finished_at - self._counted_at >= _EVERY_S:
            self._counted_at = result.finished_at
            self._message = self._count(result)
        return self._message

    def _count(self, result: Result) -> str:
        if self._detector is None:
            self._detector = self._new_detector()
        detections = self._detector.detect(result.frame.image)
        further = [each for each in detections if not any(_is_on(each, face) for face in result.faces)]
        if not further:
            return ""
        n_tracked = len(result.faces)
        return (
            f"{n_tracked + len(further)} faces in the picture, {n_tracked} followed: "
            "choose a larger number under Play > Largest number of faces."
        )


def _is_on(detection: Detection, face: Face) -> bool:
    """Return whether the centre of a detection lies in the box of a face."""
    centre = (detection.box_px[:2] + detection.box_px[2:]) / 2
    return bool((face.box_px[:2] <= centre).all() and (centre <= face.box_px[2:]).all())
