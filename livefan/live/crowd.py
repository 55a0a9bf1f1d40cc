"""Notice when a picture shows more faces than are tracked."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from livefan.core.frame import Face
from livefan.detection.detection_to_crop import load_detection_to_crop
from livefan.detection.detector import Detection, FaceDetector
from livefan.live.result import Result
from livefan.runtimes.base import Runtime
from livefan.tracking.landmarker import GOOD_FACE_SCORE, locate_twice

_EVERY_S = 3.0
"""Seconds between two counts: a count runs the face detector, which tracking then does without."""


class FaceCounter:
    """Counts the faces of an image that are not tracked."""

    def __init__(self) -> None:
        self._detector = FaceDetector()
        self._detection_to_crop = load_detection_to_crop()

    def count(self, image: np.ndarray, faces: list[Face], runtime: Runtime) -> int:
        """Return the number of further faces.

        A detection counts if the network finds good landmarks there, since the detector alone finds faces in
        patterns too.

        Args:
            image: ``(height, width, 3)`` uint8 BGR.
            faces: the tracked faces.
            runtime: the network.
        """
        detections = self._detector.detect(image)
        further = [each for each in detections if not any(_is_on(each, face) for face in faces)]
        crops = [self._detection_to_crop.crop(each) for each in further]
        return sum(each.face_score >= GOOD_FACE_SCORE for each in locate_twice(runtime, image, crops))


class Crowd:
    """Makes a message of the number of faces on frames with the largest number of tracked faces.

    Args:
        count: returns the number of further faces on the frame of a result.
        more_faces: what the user can do to track more faces.
    """

    def __init__(self, count: Callable[[Result], int], more_faces: str) -> None:
        self._count = count
        self._more_faces = more_faces
        self._counted_at = -math.inf
        self._max_faces = 0  # of the last count
        self._message = ""

    def add(self, result: Result, max_faces: int) -> str:
        """Return a message after one more result; empty while all faces are tracked.

        Args:
            result: the result.
            max_faces: largest number of tracked faces.
        """
        if len(result.faces) < max_faces:
            self._counted_at, self._message = -math.inf, ""
        elif (
            result.photographs
            or max_faces != self._max_faces
            or result.finished_at - self._counted_at >= _EVERY_S
        ):
            self._counted_at, self._max_faces = result.finished_at, max_faces
            self._message = self._message_of(len(result.faces), self._count(result))
        return self._message

    def _message_of(self, n_tracked: int, n_further: int) -> str:
        if not n_further:
            return ""
        return f"{n_tracked + n_further} faces in the picture, {n_tracked} followed: {self._more_faces}."


def _is_on(detection: Detection, face: Face) -> bool:
    """Return whether the centre of a detection lies in the box of a face."""
    centre = (detection.box_px[:2] + detection.box_px[2:]) / 2
    return bool((face.box_px[:2] <= centre).all() and (centre <= face.box_px[2:]).all())
